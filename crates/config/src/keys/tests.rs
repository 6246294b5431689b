use super::*;

#[test]
fn sections_and_keys_are_unique_and_described() {
    let sections = ROOT.walk();
    let mut paths: Vec<_> = sections.iter().map(|section| section.path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), sections.len());
    for section in sections {
        assert!(section.keys.len() <= 64, "a reader keeps one bit for each key");
        for (index, key) in section.keys.iter().enumerate() {
            assert!(section.keys[..index].iter().all(|other| other.name != key.name), "{}", key.name);
            assert!(key.doc.ends_with('.') || key.doc.ends_with(')'), "{}: {}", key.name, key.doc);
            assert!(!key.kinds.is_empty(), "{}", key.name);
        }
    }
}

#[test]
fn titles_are_what_a_file_says() {
    let titles: Vec<_> = ROOT.walk().iter().map(|section| section.title()).collect();
    for title in ["[admin]", "[log] access", "[listener.NAME] limits", "[[route]]", "[pool.NAME] keep_alive"]
    {
        assert!(titles.iter().any(|known| known == title), "{title} in {titles:?}");
    }
}
