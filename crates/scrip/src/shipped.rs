//! Catalogs that come with the binary.
//!
//! Invariant: the texts are the files of `catalogs/`, so that an example works wherever the binary is.

/// Shipped catalogs: the name and the text of each.
pub const CATALOGS: [(&str, &str); 4] = [
    ("canvas-tiers", include_str!("../../../catalogs/canvas-tiers.toml")),
    ("shared-balance", include_str!("../../../catalogs/shared-balance.toml")),
    ("two-buckets", include_str!("../../../catalogs/two-buckets.toml")),
    ("weekly-yearly", include_str!("../../../catalogs/weekly-yearly.toml")),
];

/// Returns the text of a shipped catalog by its name.
pub fn find(name: &str) -> Option<&'static str> {
    CATALOGS.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use scrip_engine::parse_catalog;

    #[test]
    fn every_shipped_catalog_is_good_and_known_by_the_name_it_has() {
        for (name, text) in CATALOGS {
            let catalog = parse_catalog(text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
            assert_eq!(&*catalog.name, name);
        }
        assert_eq!(find("nonesuch"), None);
    }
}
