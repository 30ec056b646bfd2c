//! Generated expressions: whatever is built from the language's parts has the value that Nix gives it.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::expressions::disagreements;
use crate::oracle::require_tool;

/// How many expressions are compared.
const CASES: usize = if cfg!(debug_assertions) { 250 } else { 2000 };

fn number() -> BoxedStrategy<String> {
    prop_oneof![(-9_i32..100).prop_map(|n| format!("({n})")), Just("1.5".to_owned()), Just("0.25".to_owned())]
        .boxed()
}

fn name() -> BoxedStrategy<String> {
    prop::sample::select(&["a", "b", "c", "x", "y"][..]).prop_map(str::to_owned).boxed()
}

fn text() -> BoxedStrategy<String> {
    let plain = prop::sample::select(&["", "a", "b c", "1.2", "x-y", "\\n", "$", "é", "/dev/sda", "''"][..]);
    plain.prop_map(|text| format!("\"{text}\"")).boxed()
}

/// An expression in which `a`, `b`, `c`, `x` and `y` are bound.
fn expression() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        2 => number(),
        2 => text(),
        3 => name(),
        1 => Just("true".to_owned()),
        1 => Just("false".to_owned()),
        1 => Just("null".to_owned()),
        1 => Just("[ ]".to_owned()),
        1 => Just("{ }".to_owned()),
    ];
    leaf.prop_recursive(5, 48, 4, |inner| {
        let operator = prop::sample::select(
            &["+", "-", "*", "/", "++", "//", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "->"][..],
        );
        let one = prop::sample::select(
            &[
                "!", "-", "builtins.length ", "builtins.head ", "builtins.tail ", "builtins.attrNames ", "builtins.attrValues ",
                "toString ", "builtins.typeOf ", "builtins.toJSON ", "builtins.concatLists ", "builtins.stringLength ",
                "builtins.listToAttrs ", "builtins.isList ", "builtins.tryEval ", "builtins.seq 1 ", "baseNameOf ", "builtins.floor ",
            ][..],
        );
        let two = prop::sample::select(
            &[
                "map", "builtins.filter", "builtins.elem", "builtins.elemAt", "builtins.catAttrs", "builtins.removeAttrs",
                "builtins.intersectAttrs", "builtins.concatStringsSep", "builtins.any", "builtins.all", "builtins.sort",
                "builtins.mapAttrs", "builtins.genList", "builtins.compareVersions", "builtins.groupBy", "builtins.seq",
                "builtins.add", "builtins.lessThan", "builtins.split", "builtins.partition",
            ][..],
        );
        prop_oneof![
            3 => (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            2 => (one, inner.clone()).prop_map(|(f, a)| format!("({f}({a}))")),
            2 => (two, inner.clone(), inner.clone()).prop_map(|(f, a, b)| format!("({f} ({a}) ({b}))")),
            2 => prop::collection::vec(inner.clone(), 0..4).prop_map(|items| {
                format!("[ {} ]", items.iter().map(|item| format!("({item}) ")).collect::<String>())
            }),
            2 => (prop::bool::ANY, prop::collection::btree_map(name(), inner.clone(), 0..4)).prop_map(|(rec, attrs)| {
                let attrs: String = attrs.iter().map(|(name, value)| format!("{name} = {value}; ")).collect();
                format!("{}{{ {attrs}}}", if rec { "rec " } else { "" })
            }),
            1 => (name(), name(), inner.clone()).prop_map(|(a, b, v)| format!("{{ {a}.{b} = {v}; {a}.z = 1; }}")),
            1 => (name(), inner.clone(), inner.clone()).prop_map(|(n, v, b)| format!("(let {n} = {v}; in {b})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(s, b)| format!("(with {s}; {b})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(c, a, b)| format!("(if {c} then {a} else {b})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(c, a)| format!("(assert {c}; {a})")),
            1 => (name(), inner.clone()).prop_map(|(n, b)| format!("({n}: {b})")),
            1 => (name(), inner.clone(), inner.clone()).prop_map(|(n, b, v)| format!("(({n}: {b}) ({v}))")),
            1 => (name(), inner.clone(), inner.clone()).prop_map(|(n, d, b)| format!("(({{ {n} ? {d}, ... }}@x: {b}) {{ a = 1; }})")),
            1 => (inner.clone(), name(), inner.clone()).prop_map(|(s, n, d)| format!("(({s}).{n} or ({d}))")),
            1 => (inner.clone(), name()).prop_map(|(s, n)| format!("({s}).{n}")),
            1 => (inner.clone(), name()).prop_map(|(s, n)| format!("(({s}) ? {n})")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("\"<${{{a}}}|${{{b}}}>\"")),
            1 => inner.clone().prop_map(|a| format!("''\n    line ${{{a}}}\n      more\n  ''")),
            1 => (inner.clone(), inner).prop_map(|(n, v)| format!("{{ ${{{n}}} = {v}; }}")),
        ]
    })
    .boxed()
}

#[test]
fn generated_expressions_mean_what_nix_says() {
    let Some(tool) = require_tool("nix-instantiate") else { return };
    // The same expressions every time: a failure can be looked at.
    let mut runner =
        TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let scope =
        "let a = 1; b = \"text\"; c = [ 1 2 { a = 3; } ]; x = { a = 1; b = { c = 2; }; }; y = n: [ n ]; in ";
    let expressions: Vec<String> = (0..CASES)
        .map(|_| format!("{scope}{}", expression().new_tree(&mut runner).unwrap().current()))
        .collect();
    let wrong = disagreements(&tool, &expressions);
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}
