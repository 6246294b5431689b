//! How requests come to a pool.

use evenkeel_config::{Config, HostMatch, Listener, Pool, Route};

/// Listeners and routes that lead to a pool, and what follows from them.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Reach {
    /// For people, such as `web: shop.example/api`.
    pub(crate) ways: Vec<String>,
    /// Whether whole connections are balanced on any of them.
    pub(crate) by_connection: bool,
}

/// The ways to `pool`.
pub(crate) fn reach(config: &Config, pool: &Pool) -> Reach {
    let mut reach = Reach::default();
    for listener in &config.listeners {
        if listener.pool.as_ref() == Some(&pool.id) {
            reach.ways.push(format!("{}: {}", listener.name, listener.protocol.as_str()));
            reach.by_connection = true;
        }
        for route in config.routes.iter().filter(|route| route.pool == pool.id && holds_on(route, listener)) {
            reach.ways.push(format!("{}: {}", listener.name, describe(route)));
            reach.by_connection |= !listener.protocol.is_http();
        }
    }
    reach
}

fn holds_on(route: &Route, listener: &Listener) -> bool {
    match &route.listener {
        Some(name) => *name == listener.name,
        None => listener.protocol.is_http(),
    }
}

fn describe(route: &Route) -> String {
    let path = if route.path == "/" { "" } else { &route.path };
    match &route.host {
        HostMatch::Any => route.path.clone(),
        HostMatch::Exact(name) => format!("{name}{path}"),
        HostMatch::Wildcard(name) => format!("*.{name}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_named_and_layer_4_is_told_apart() {
        let source = evenkeel_config::Source::new(
            "f",
            r#"
            [listener.web]
            bind = ":8080"
            [listener.db]
            bind = ":5432"
            protocol = "tcp"
            pool = "db"
            [[route]]
            host = "*.shop.example"
            path = "/api"
            pool = "api"
            [[route]]
            pool = "web"
            [pool.web]
            health = false
            backends = ["10.0.0.1:80", "10.0.0.2:80"]
            [pool.api]
            health = false
            backends = ["10.0.0.3:80", "10.0.0.4:80"]
            [pool.db]
            health = false
            backends = ["10.0.0.5:80", "10.0.0.6:80"]
            "#,
        );
        let config = evenkeel_config::load(&source).config.unwrap();
        let reach = |at: usize| reach(&config, &config.pools[at]);
        assert_eq!(reach(0), Reach { ways: vec!["web: /".into()], by_connection: false });
        assert_eq!(reach(1), Reach { ways: vec!["web: *.shop.example/api".into()], by_connection: false });
        assert_eq!(reach(2), Reach { ways: vec!["db: tcp".into()], by_connection: true });
    }
}
