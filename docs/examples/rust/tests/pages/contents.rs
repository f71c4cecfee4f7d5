//! The folder as a whole: what is there is in its table of contents, and links lead somewhere.

use std::fs;

use crate::PAGES;
use crate::page::folder;

#[test]
fn every_page_is_tested_and_in_the_table_of_contents_in_order() {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| file != "README.md")
        .collect();
    files.sort();
    let mut tested: Vec<_> = PAGES.iter().map(|page| format!("{page}.md")).collect();
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let listed: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(|line| line.split_once("](")?.1.split_once(')'))
        .map(|(link, _)| link.to_owned())
        .collect();
    assert_eq!(listed, tested);
    tested.sort();
    assert_eq!(files, tested);
}

#[test]
fn links_lead_to_files() {
    for file in PAGES.iter().copied().chain(["README"]) {
        let text = fs::read_to_string(folder().join(format!("{file}.md"))).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(link, _)| link)) {
            let path = link.split('#').next().unwrap_or_default();
            let leads = link.starts_with("https://") || path.is_empty() || folder().join(path).exists();
            assert!(leads, "{file}.md: {link}");
        }
    }
}
