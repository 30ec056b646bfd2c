//! What a fuzzer runs on arbitrary bytes: the layout parsers. Each function returns if all is well and panics if not; the same
//! functions run over generated inputs in the integration tests.

use landfall::layout::render::{self, Style};
use landfall::layout::{Diagnostics, Layout, Source};

/// Reads the bytes as JSON, and whatever comes of it to the end.
pub fn json(bytes: &[u8]) {
    drive(Source::Json { name: "fuzz.json".to_owned(), text: bytes.to_vec() });
}

/// Reads the bytes as TOML, and whatever comes of it to the end.
pub fn toml(bytes: &[u8]) {
    drive(Source::Toml { name: "fuzz.toml".to_owned(), text: bytes.to_vec() });
}

/// Uses a layout, or tells its mistakes, as the program does.
pub fn drive(source: Source) {
    match Layout::parse(source) {
        Ok((layout, findings)) => {
            render::render(&findings, layout.sources(), Style::Coloured);
            // What resolves once must resolve again to the same: defaults are stable.
            let resolved = layout.resolved_json();
            let again =
                Source::Json { name: "again.json".to_owned(), text: resolved.to_string().into_bytes() };
            match Layout::parse(again) {
                Ok((again, _)) => assert_eq!(again.resolved_json(), resolved),
                Err(error) => panic!("the resolved layout is refused: {error}\n{resolved}"),
            }
        }
        Err(error) => tell(&error),
    }
}

/// Tells the findings in every form.
pub fn tell(error: &Diagnostics) {
    assert!(!error.items.is_empty(), "refused without a reason");
    let text = error.render(Style::Plain);
    assert!(!text.contains('\u{1b}'), "input reached the terminal: {text:?}");
    error.render(Style::Coloured);
    render::to_json(&error.items, &error.sources);
}
