//! A configuration without a file.

use std::net::SocketAddr;

use evenkeel_core::{BackendId, Placement, Weight};

use crate::assemble;
use crate::decode::{self, Cx};
use crate::model::{Backend, BackendAddress, Config};
use crate::span::At;

impl Config {
    /// One HTTP listener `web` in front of one pool `web` of equal backends, everything else as a silent file has it.
    ///
    /// A backend is named by its address. One that is given again counts again and is named `ADDRESS#2`.
    pub fn quick(listen: SocketAddr, to: &[BackendAddress]) -> Self {
        let cx = Cx::default();
        let mut listener = decode::silent_listener(&cx, "web");
        listener.bind = Some(At::new(listen, 0..0));
        listener.pool = Some(At::new("web".into(), 0..0));
        let silent = decode::silent_file(&cx);
        let pool = assemble::pool(decode::silent_pool(&cx, "web"), &silent.runtime);
        let mut pools: Vec<_> = pool.into_iter().collect();
        for pool in &mut pools {
            pool.backends = backends(to);
        }
        Self {
            admin: silent.admin.map(|admin| admin.value),
            runtime: silent.runtime,
            log: silent.log,
            events: silent.events,
            notify: Vec::new(),
            routes: assemble::shorthand(&listener).into_iter().collect(),
            listeners: assemble::listener(listener).into_iter().collect(),
            pools,
            route_tests: Vec::new(),
            allow: Vec::new(),
        }
    }
}

fn backends(to: &[BackendAddress]) -> Vec<Backend> {
    let name = |index: usize, address: &BackendAddress| {
        let earlier = to[..index].iter().filter(|other| *other == address).count();
        if earlier == 0 { address.to_string() } else { format!("{address}#{}", earlier + 1) }
    };
    let backend = |(index, address): (usize, &BackendAddress)| Backend {
        id: BackendId::new(name(index, address)),
        address: address.clone(),
        weight: Weight::ONE,
        capacity: None,
        enabled: true,
        placement: Placement::default(),
        allow: Vec::new(),
    };
    to.iter().enumerate().map(backend).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Source, load};

    #[test]
    fn it_is_what_the_same_file_would_be() {
        let file = "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n\
                    [pool.web]\nbackends = [\"10.0.0.1:80\", \"app.internal:80\"]\n";
        let to: Vec<BackendAddress> =
            ["10.0.0.1:80", "app.internal:80"].iter().map(|text| text.parse().unwrap()).collect();
        let quick = Config::quick("127.0.0.1:8080".parse().unwrap(), &to);
        assert_eq!(load(&Source::new("f", file)).config, Some(quick));
    }

    #[test]
    fn a_repeated_backend_keeps_a_name_of_its_own() {
        let address: BackendAddress = "10.0.0.1:80".parse().unwrap();
        let quick = Config::quick("127.0.0.1:0".parse().unwrap(), &[address.clone(), address]);
        let names: Vec<_> = quick.pools[0].backends.iter().map(|backend| backend.id.as_str()).collect();
        assert_eq!(names, ["10.0.0.1:80", "10.0.0.1:80#2"]);
    }
}
