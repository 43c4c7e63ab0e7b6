//! How sure a rate is that was counted.

/// Halvings of an interval until nothing is left of it.
const HALVINGS: usize = 200;

/// Terms after which a series is over whatever it holds.
const MOST_TERMS: usize = 100_000;

/// The interval that holds the mean of a Poisson count with 95 % probability, where `count` was counted (F. Garwood,
/// "Fiducial limits for the Poisson distribution", 1936): quantiles of gamma distributions. Divide by the time.
pub fn rate_interval(count: u64) -> (f64, f64) {
    let count = count as f64;
    let low = match count > 0.0 {
        true => quantile(count, 0.025),
        false => 0.0,
    };
    (low, quantile(count + 1.0, 0.975))
}

/// The value below which a gamma distribution of this shape and scale 1 is with probability `p`.
fn quantile(shape: f64, p: f64) -> f64 {
    let (mut low, mut high) = (0.0, shape + 20.0 * shape.sqrt() + 20.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        match below(shape, middle) < p {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}

/// The regularised lower incomplete gamma function P(a, x): by its series where x is small (DLMF 8.11.4), else by the
/// continued fraction of its complement (DLMF 8.9.2).
fn below(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let factor = (a * x.ln() - x - ln_gamma(a)).exp();
    match x < a + 1.0 {
        true => factor * series(a, x),
        false => 1.0 - factor * fraction(a, x),
    }
}

fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for n in 1..MOST_TERMS {
        term *= x / (a + n as f64);
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

/// From the innermost outwards by Lentz's way.
fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / away_from_zero(b);
    let mut value = d;
    for n in 1..MOST_TERMS {
        let n = n as f64;
        let above = -n * (n - a);
        b += 2.0;
        d = 1.0 / away_from_zero(above * d + b);
        c = away_from_zero(b + above / c);
        value *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

/// ln Γ(x) for x ≥ 1, by Stirling's series (DLMF 5.11.1), which is exact enough from 10 on; below, Γ(x + 1) = xΓ(x).
fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < 10.0 {
        product *= x;
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1_260.0 - square / 1_680.0)));
    let half_ln_tau = 0.5 * std::f64::consts::TAU.ln();
    (x - 0.5) * x.ln() - x + half_ln_tau + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_tables() {
        // Garwood's table, as reprinted for counts of rare diseases.
        for (count, low, high) in [
            (0, 0.0, 3.6889),
            (1, 0.0253, 5.5716),
            (5, 1.6235, 11.6683),
            (10, 4.7954, 18.3904),
            (100, 81.3637, 121.6272),
        ] {
            let (found_low, found_high) = rate_interval(count);
            assert!((found_low - low).abs() < 1e-3, "{count}: {found_low}");
            assert!((found_high - high).abs() < 1e-3, "{count}: {found_high}");
        }
    }

    #[test]
    fn great_counts_come_near_the_normal_distribution() {
        let (low, high) = rate_interval(1_000_000);
        assert!((low - (1_000_000.0 - 1_960.0)).abs() < 5.0, "{low}");
        assert!((high - (1_000_000.0 + 1_960.0)).abs() < 5.0, "{high}");
    }
}
