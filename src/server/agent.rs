//! How we speak to servers outside by HTTP: to whom the configuration or the dialplan names, and to nobody else.

use ureq::Agent;

/// Asks and tells; it has no cookies, and waits as long as each request says.
pub fn agent() -> Agent {
    let config = Agent::config_builder()
        // Whom the plan names is asked, and nobody to whom that one points.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        // A proxy of the environment would be one more who reads it.
        .proxy(None)
        .max_response_header_size(16 << 10)
        .user_agent("qaynar")
        .accept("application/json")
        .build();
    config.into()
}
