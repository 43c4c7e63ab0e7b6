//! What a caller meets: text to checked plan, plan to steps.
