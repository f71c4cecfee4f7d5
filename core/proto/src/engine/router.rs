//! From a topic name to the subscriptions whose filters match it (section 4.7).

use std::collections::BTreeMap;

use crate::topic::TopicFilter;

/// A trie of topic filters, a level a node; each filter stands for a subscription's number.
#[derive(Debug, Default)]
pub(super) struct Router {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    children: BTreeMap<Box<str>, Node>,
    /// The level `+`.
    any: Option<Box<Node>>,
    /// Subscriptions whose filter ends here.
    here: Vec<u32>,
    /// Subscriptions whose filter ends here with `#`.
    below: Vec<u32>,
}

impl Router {
    pub(super) fn insert(&mut self, filter: &TopicFilter, subscription: u32) {
        let mut node = &mut self.root;
        for level in filter.filter().split('/') {
            match level {
                "#" => {
                    node.below.push(subscription);
                    return;
                }
                "+" => node = node.any.get_or_insert_default(),
                level => node = node.children.entry(level.into()).or_default(),
            }
        }
        node.here.push(subscription);
    }

    pub(super) fn remove(&mut self, filter: &TopicFilter, subscription: u32) {
        let levels: Vec<&str> = filter.filter().split('/').collect();
        self.root.remove(&levels, subscription);
    }

    /// Appends the subscriptions that match, each once.
    pub(super) fn matches(&self, topic: &str, found: &mut Vec<u32>) {
        // A filter that starts with a wildcard does not match a topic that starts with `$` [MQTT-4.7.2-1].
        if topic.starts_with('$') {
            let (first, rest) = split(topic);
            if let Some(child) = self.root.children.get(first) {
                child.collect(rest, found);
            }
            return;
        }
        self.root.collect(Some(topic), found);
    }
}

impl Node {
    /// `topic` is what is left of the topic name, `None` when all its levels were matched.
    fn collect(&self, topic: Option<&str>, found: &mut Vec<u32>) {
        // `a/#` matches `a` too (section 4.7.1.2).
        found.extend_from_slice(&self.below);
        let Some(topic) = topic else {
            found.extend_from_slice(&self.here);
            return;
        };
        let (level, rest) = split(topic);
        if let Some(child) = self.children.get(level) {
            child.collect(rest, found);
        }
        if let Some(any) = &self.any {
            any.collect(rest, found);
        }
    }

    /// Whether the node is empty afterwards.
    fn remove(&mut self, levels: &[&str], subscription: u32) -> bool {
        match levels.split_first() {
            None => self.here.retain(|id| *id != subscription),
            Some((&"#", _)) => self.below.retain(|id| *id != subscription),
            Some((&"+", rest)) => {
                if self.any.as_mut().is_some_and(|any| any.remove(rest, subscription)) {
                    self.any = None;
                }
            }
            Some((level, rest)) => {
                if self.children.get_mut(*level).is_some_and(|child| child.remove(rest, subscription)) {
                    self.children.remove(*level);
                }
            }
        }
        self.children.is_empty() && self.any.is_none() && self.here.is_empty() && self.below.is_empty()
    }
}

fn split(topic: &str) -> (&str, Option<&str>) {
    match topic.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (topic, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: [&str; 12] =
        ["#", "+", "a", "a/#", "a/+", "+/b", "a/b/c", "/", "/+", "$SYS/#", "$share/group/a/b", "+/+/#"];

    fn filter(text: &str) -> TopicFilter {
        TopicFilter::try_from(text).unwrap()
    }

    #[test]
    fn agrees_with_matching_each_filter() {
        let mut router = Router::default();
        for (id, text) in (0..).zip(FILTERS) {
            router.insert(&filter(text), id);
        }
        for topic in
            ["a", "a/b", "a/b/c", "/", "/x", "//", "b", "$SYS", "$SYS/load", "$other/b", "a/", "x/y/z/w"]
        {
            let mut found = Vec::new();
            router.matches(topic, &mut found);
            found.sort_unstable();
            let expected: Vec<u32> = (0..)
                .zip(FILTERS)
                .filter(|(_, text)| filter(text).matches(topic))
                .map(|(id, _)| id)
                .collect();
            assert_eq!(found, expected, "{topic}");
        }
    }

    #[test]
    fn removing_leaves_no_node_behind() {
        let mut router = Router::default();
        for (id, text) in (0..).zip(FILTERS) {
            router.insert(&filter(text), id);
        }
        for (id, text) in (0..).zip(FILTERS) {
            router.remove(&filter(text), id);
        }
        let root = &router.root;
        assert!(
            root.children.is_empty() && root.any.is_none() && root.here.is_empty() && root.below.is_empty()
        );
    }
}
