//! The order in which the servers of an SRV answer are tried (RFC 2782, "Usage rules").

use rand::{Rng, RngExt};

use super::{MAX_SERVERS, Srv};

/// Orders by priority, and by weighted chance among equal ones; at most [`MAX_SERVERS`].
///
/// Servers of weight 0 are chosen first only when chance gives 0, so hardly ever beside others.
pub(super) fn ordered<'a>(records: &'a [Srv], rng: &mut impl Rng) -> Vec<&'a Srv> {
    let mut left: Vec<&Srv> = records.iter().collect();
    // Within a priority those of weight 0 stand first, as the RFC wants them.
    left.sort_by_key(|srv| (srv.priority, srv.weight != 0));
    let mut ordered = Vec::with_capacity(left.len().min(MAX_SERVERS));
    while !left.is_empty() && ordered.len() < MAX_SERVERS {
        let group = left.partition_point(|srv| srv.priority == left[0].priority);
        let chosen = choose(&left[..group], rng);
        ordered.push(left.remove(chosen));
    }
    ordered
}

/// Chooses one of a group: the first whose running sum of weights reaches a random number.
fn choose(group: &[&Srv], rng: &mut impl Rng) -> usize {
    let total: u32 = group.iter().map(|srv| u32::from(srv.weight)).sum();
    let number = rng.random_range(0..=total);
    let mut sum = 0;
    let reached = group.iter().position(|srv| {
        sum += u32::from(srv.weight);
        sum >= number
    });
    reached.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv {
            priority,
            weight,
            port: 5060,
            target: target.into(),
        }
    }

    fn firsts(records: &[Srv], rounds: u32) -> impl Fn(&str) -> f64 {
        let mut rng = StdRng::seed_from_u64(1);
        let names: Vec<_> = (0..rounds)
            .map(|_| ordered(records, &mut rng)[0].target.clone())
            .collect();
        move |name| {
            let count = names.iter().filter(|first| ***first == *name).count();
            count as f64 / f64::from(rounds)
        }
    }

    #[test]
    fn rfc2782_lower_priorities_come_first_whatever_their_weight() {
        let records = [srv(20, 9, "c"), srv(10, 0, "a"), srv(15, 1, "b")];
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..100 {
            let order = ordered(&records, &mut rng);
            let names: Vec<_> = order.iter().map(|srv| &*srv.target).collect();
            assert_eq!(names, ["a", "b", "c"]);
        }
    }

    #[test]
    fn rfc2782_servers_of_one_priority_are_chosen_by_weight() {
        let records = [srv(1, 60, "large"), srv(1, 30, "small"), srv(1, 10, "tiny")];
        let share = firsts(&records, 20_000);
        // The draw is from 0 to the sum, both included, which favours nobody by more than a hundredth.
        for (name, expected) in [("large", 0.6), ("small", 0.3), ("tiny", 0.1)] {
            let found = share(name);
            assert!((found - expected).abs() < 0.02, "{name}: {found}");
        }
    }

    #[test]
    fn rfc2782_weight_zero_is_seldom_first_beside_others_and_still_in_the_list() {
        let records = [srv(1, 0, "spare"), srv(1, 100, "main")];
        assert!(firsts(&records, 10_000)("spare") < 0.03);
        let order = ordered(&records, &mut StdRng::seed_from_u64(1));
        assert_eq!(order.len(), 2);
    }

    #[test]
    fn rfc2782_without_weights_each_server_gets_the_whole_list_tried() {
        let records: Vec<_> = (0..100).map(|n| srv(1, 0, &format!("host{n}"))).collect();
        let order = ordered(&records, &mut StdRng::seed_from_u64(1));
        assert_eq!(order.len(), MAX_SERVERS);
    }
}
