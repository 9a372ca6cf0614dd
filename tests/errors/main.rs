//! What can go wrong, what is said then, and that nothing changes: the table in `docs/errors.md`,
//! row by row. The table is read from the document, so that it stays true.

/// Tests, each named by the row that it is of, and the list of these names.
macro_rules! rows {
    ($($(#[$meta:meta])* $test:ident: $row:literal = $case:expr;)*) => {
        pub(crate) const ROWS: &[&str] = &[$($row),*];
        $(
            $(#[$meta])*
            #[test]
            fn $test() {
                let case: fn(&crate::scene::Scene) -> mailvc_tests::cli::Run = $case;
                crate::scene::try_row($row, case);
            }
        )*
    };
}

mod elsewhere;
mod here;
mod scene;
mod table;

#[test]
fn every_row_is_tested_and_every_test_has_a_row() {
    let mut tested: Vec<&str> = elsewhere::ROWS.iter().chain(here::ROWS).copied().collect();
    let rows = table::rows();
    let mut written: Vec<&str> = rows.iter().map(|row| row.case.as_str()).collect();
    tested.sort_unstable();
    written.sort_unstable();
    assert_eq!(tested, written);
}
