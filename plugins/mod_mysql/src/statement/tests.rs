use super::{Bound, MAX_BOUND, MAX_STATEMENT, Statement, Unusable, Values};
use crate::escape::Mode;

/// Variables, parameters, selects; what `mysql.escape` made.
#[derive(Default)]
struct Known {
    variables: Vec<(&'static str, &'static str)>,
    params: Vec<(&'static str, &'static str)>,
    selects: Vec<(&'static str, &'static str)>,
    escaped: Vec<(&'static str, &'static str)>,
}

fn find(list: &[(&str, &str)], name: &str) -> Option<String> {
    let found = list.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| (*value).to_owned())
}

impl Values for Known {
    fn variable(&self, name: &str) -> Option<String> {
        find(&self.variables, name)
    }
    fn has_params(&self) -> bool {
        !self.params.is_empty()
    }
    fn param(&self, name: &str) -> Option<String> {
        find(&self.params, name)
    }
    fn select(&self, name: &str) -> Option<String> {
        find(&self.selects, name)
    }
    fn unescaped(&self, value: &str) -> Option<String> {
        find(&self.escaped, value)
    }
}

fn known() -> Known {
    Known {
        variables: vec![
            ("n", "O'Neil"),
            ("k", "7"),
            ("neg", "-7"),
            ("t", "calls"),
            ("col", "name"),
            ("evil", "1 OR 1=1"),
            ("empty", ""),
            ("db.insert_id", "42"),
            ("a$x", "odd"),
            ("ref", "a$k b"),
            ("a[0]", "first"),
            ("x%", "percent"),
            ("list", "1, 2,3"),
            ("where", "WHERE 1=1"),
            ("sql", "SELECT 1; DROP TABLE t"),
            ("good", "SELECT id FROM t WHERE a='$k;' -- ;\n"),
            ("e", "O\\'Neil"),
        ],
        params: vec![("type", "quiz"), ("id", "3")],
        selects: vec![("user", "o'user"), ("local_tag", "T1")],
        escaped: vec![("O\\'Neil", "O'Neil")],
    }
}

fn read(text: &str) -> Statement {
    Statement::new(text, &known(), Mode::Backslash).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

/// The text, and the bound values behind it.
fn sent(text: &str) -> String {
    let statement = read(text);
    let values = statement.bound.into_iter().map(|value| match value {
        Bound::Text(text) => format!(" <{text}>"),
        Bound::File => " <file>".to_owned(),
    });
    statement.text.clone() + &values.collect::<String>()
}

#[test]
fn references_between_quotes_are_escaped() {
    assert_eq!(
        sent("SELECT 1 FROM t WHERE name='$n'"),
        "SELECT 1 FROM t WHERE name='O\\'Neil'"
    );
    assert_eq!(sent("SELECT \"$n\""), "SELECT \"O\\'Neil\"");
    assert_eq!(sent("SELECT 'a $n b'"), "SELECT 'a O\\'Neil b'");
    assert_eq!(sent("SELECT '$(n)x'"), "SELECT 'O\\'Neilx'");
    assert_eq!(sent("SELECT 'it''s $n'"), "SELECT 'it''s O\\'Neil'");
    assert_eq!(sent("SELECT 'it\\'s $n'"), "SELECT 'it\\'s O\\'Neil'");
    assert_eq!(sent("SELECT '#type @user'"), "SELECT 'quiz o\\'user'");
}

#[test]
fn integers_are_inserted_and_other_values_are_bound() {
    assert_eq!(
        sent("SELECT a FROM t WHERE k=$k"),
        "SELECT a FROM t WHERE k=7"
    );
    assert_eq!(sent("SELECT a FROM t LIMIT $k"), "SELECT a FROM t LIMIT 7");
    assert_eq!(
        sent("SELECT a FROM t WHERE k=$evil"),
        "SELECT a FROM t WHERE k=? <1 OR 1=1>"
    );
    assert_eq!(
        sent("INSERT INTO t VALUES ($n, $k, $empty)"),
        "INSERT INTO t VALUES (?, 7, ?) <O'Neil> <>"
    );
    assert_eq!(
        sent("UPDATE t SET a=$n WHERE b=#type"),
        "UPDATE t SET a=? WHERE b=? <O'Neil> <quiz>"
    );
    assert_eq!(sent("SELECT 5-$neg, 5 - $neg"), "SELECT 5-?, 5 - -7 <-7>");
    assert_eq!(
        sent("SELECT f($col), CONCAT('x', $col)"),
        "SELECT f(?), CONCAT('x', ?) <name> <name>"
    );
}

#[test]
fn names_stay_text_where_sql_expects_a_name() {
    for text in [
        "SELECT * FROM $t",
        "SELECT * FROM a, $t",
        "SELECT $col FROM t",
        "SELECT a, $col FROM t",
        "SELECT DISTINCT $col FROM t",
        "SELECT COUNT($col) FROM t",
        "SELECT a FROM t JOIN $t ON x=1",
        "SELECT a FROM t ORDER BY $col",
        "SELECT a FROM t GROUP BY a, $col",
        "SELECT a FROM t ORDER BY a $col",
        "SELECT a AS $col FROM t",
        "SELECT a FROM t $t",
        "INSERT INTO $t VALUES (1)",
        "INSERT INTO $t SELECT a FROM $t ORDER BY $col",
        "INSERT INTO t (a, $col) VALUES (1)",
        "UPDATE $t SET a=1",
        "UPDATE t SET $col=1, $col = 2",
        "DELETE FROM $t",
        "DROP TABLE IF EXISTS $t",
        "SELECT $t.id FROM $t",
        "SELECT a FROM db.$t",
        "SELECT a FROM t WHERE $col='x' AND ($col LIKE \"y\" OR $col > 5)",
        "SELECT a FROM t WHERE $col IS NULL",
        "SELECT `$col` FROM `$t`",
        "TRUNCATE $t",
    ] {
        let expected = text.replace("$t", "calls").replace("$col", "name");
        assert_eq!(sent(text), expected);
    }
}

#[test]
fn a_name_is_bound_where_a_value_is_expected() {
    for text in [
        "SELECT a FROM t WHERE pin=$col",
        "SELECT a FROM t WHERE $col=pin",
        "SELECT a FROM t WHERE $col LIKE pattern",
        "SELECT a FROM t WHERE $col IN (SELECT pin FROM t)",
        "SELECT a FROM t WHERE $col BETWEEN b AND c",
        "SELECT a FROM t WHERE pin BETWEEN b AND $col",
        "SELECT a FROM t WHERE pin IN ($col)",
        "SELECT a FROM t WHERE pin IN (1, $col)",
        "INSERT INTO t VALUES ($col)",
        "INSERT INTO t (a) VALUES ($col)",
        "INSERT INTO t SET a=$col",
        "INSERT INTO t (a, b) SELECT $col, 1 FROM t",
        "UPDATE t SET a=$col",
        "SELECT $col",
        "SELECT a FROM t WHERE f($col)=1",
        "SELECT EXTRACT(YEAR FROM $col) FROM t",
        "SELECT a FROM t LIMIT $col",
        "CALL p($col)",
    ] {
        assert_eq!(sent(text), text.replace("$col", "?") + " <name>");
    }
}

#[test]
fn a_list_of_integers_stays_a_list() {
    assert_eq!(
        sent("SELECT a FROM t WHERE b IN ($list)"),
        "SELECT a FROM t WHERE b IN (1, 2,3)"
    );
    assert_eq!(
        sent("INSERT INTO t VALUES ($list)"),
        "INSERT INTO t VALUES (?) <1, 2,3>"
    );
}

#[test]
fn more_than_a_word_is_never_inserted_as_sql() {
    for text in [
        "SELECT a FROM t $where",
        "SELECT a FROM $where",
        "SELECT a FROM t ORDER BY $where",
    ] {
        assert_eq!(sent(text), text.replace("$where", "?") + " <WHERE 1=1>");
    }
    assert_eq!(sent("SELECT a FROM t $empty"), "SELECT a FROM t ");
}

#[test]
fn names_of_references_end_as_they_did_and_where_they_have_to() {
    assert_eq!(sent("SELECT $db.insert_id"), "SELECT 42");
    assert_eq!(sent("SELECT '$x%'"), "SELECT 'percent'");
    assert_eq!(sent("SELECT '%$k%'"), "SELECT '%7%'");
    assert_eq!(
        sent("SELECT a FROM t WHERE $k=5"),
        "SELECT a FROM t WHERE 7=5"
    );
    assert_eq!(
        sent("SELECT '$a[0]' ,$a[0]\n"),
        "SELECT 'first' ,?\n <first>"
    );
    assert_eq!(sent("SELECT '$nope!'"), "SELECT '!'");
    assert_eq!(sent("SELECT '$k.$k'"), "SELECT '7.7'");
    assert_eq!(
        sent("SELECT a FROM t WHERE k=$k;"),
        "SELECT a FROM t WHERE k=7"
    );
}

#[test]
fn signs_without_a_name_stay() {
    for text in [
        "SELECT '$.a', '$[0]', '$', '# x', '@'",
        "SELECT a -- $n it's #type\n FROM t",
        "SELECT a # it's $n\nFROM t",
        "SELECT a /* it's $n ; */ FROM t",
    ] {
        assert_eq!(sent(text), text);
    }
}

#[test]
fn a_backslash_keeps_a_reference() {
    assert_eq!(sent(r"SELECT \$t \#n"), r"SELECT \$t \#n");
    assert_eq!(sent(r"SELECT '\$n \#type'"), r"SELECT '\$n \#type'");
    let doubled = Statement::new(r"SELECT '\$n'", &known(), Mode::Doubled).expect("a statement");
    assert_eq!(doubled.text, r"SELECT '\$n'");
}

#[test]
fn a_value_is_not_searched_again() {
    assert_eq!(sent("SELECT '$ref'"), "SELECT 'a$k b'");
    assert_eq!(sent("SELECT 1+$ref"), "SELECT 1+? <a$k b>");
}

#[test]
fn selects_are_replaced_and_variables_of_the_database_are_not() {
    assert_eq!(
        sent("SELECT a FROM t WHERE userid=@user"),
        "SELECT a FROM t WHERE userid=? <o'user>"
    );
    assert_eq!(
        sent("SELECT '@user', '@(user)x'"),
        "SELECT 'o\\'user', 'o\\'userx'"
    );
    for text in [
        "SELECT @@user",
        "SELECT @1user",
        "SELECT @nosuch",
        "SELECT 'me@example.org'",
        "SET @user_2 := 5",
    ] {
        assert_eq!(sent(text), text);
    }
}

#[test]
fn params_stay_in_an_event_without_any() {
    let known = Known {
        params: Vec::new(),
        ..known()
    };
    let statement = Statement::new("SELECT '#type'", &known, Mode::Backslash).expect("a statement");
    assert_eq!(statement.text, "SELECT '#type'");
    assert_eq!(sent("SELECT '#nosuch'"), "SELECT ''");
}

#[test]
fn what_was_escaped_before_is_not_escaped_twice() {
    assert_eq!(sent("SELECT '$e'"), "SELECT 'O\\'Neil'");
    assert_eq!(sent("SELECT 1=$e"), "SELECT 1=? <O'Neil>");
}

#[test]
fn a_variable_that_is_the_whole_statement_is_run_as_it_is() {
    assert_eq!(sent(" $good "), "SELECT id FROM t WHERE a='$k;' -- ;\n");
    let problem = |text| Statement::new(text, &known(), Mode::Backslash).expect_err(text);
    assert_eq!(problem("$sql"), Unusable::Several);
    assert_eq!(problem("$nosuch"), Unusable::Empty);
    assert_eq!(problem("  "), Unusable::Empty);
    assert_eq!(problem("SELECT 1; SELECT 2"), Unusable::Several);
}

#[test]
fn without_backslashes_a_quote_behind_one_ends_the_text() {
    let read = |text| Statement::new(text, &known(), Mode::Doubled).expect("a statement");
    let statement = read(r"SELECT 'C:\', a=$n, '$n'");
    assert_eq!(statement.text, r"SELECT 'C:\', a=?, 'O''Neil'");
    assert_eq!(statement.inlined(), r"SELECT 'C:\', a='O''Neil', 'O''Neil'");
}

#[test]
fn the_inlined_statement_has_its_values_where_they_belong() {
    assert_eq!(
        read("SELECT '?', a=$n, '?', b=$evil").inlined(),
        "SELECT '?', a='O\\'Neil', '?', b='1 OR 1=1'"
    );
    assert_eq!(
        read("SELECT * FROM $t WHERE k=$k AND e=#type").inlined(),
        "SELECT * FROM calls WHERE k=7 AND e='quiz'"
    );
}

#[test]
fn the_first_file_is_bound() {
    let read = |text| Statement::with_file(text, &known(), Mode::Backslash);
    let text = read("INSERT INTO t (a, b) VALUES ('$n', \"__FILE__\")").expect("a statement");
    assert_eq!(
        (&*text.text, text.bound),
        (
            "INSERT INTO t (a, b) VALUES ('O\\'Neil', ?)",
            vec![Bound::File]
        )
    );
    let text = read("UPDATE t SET a=__FILE__, b='__FILE__'").expect("a statement");
    assert_eq!(
        (&*text.text, text.bound),
        ("UPDATE t SET a=?, b='__FILE__'", vec![Bound::File])
    );
    assert_eq!(read("SELECT 1"), Err(Unusable::NoFile));
    assert_eq!(read("SELECT 'a__FILE__'"), Err(Unusable::FileInText));
}

#[test]
fn the_size_is_bounded() {
    let long = format!("SELECT '{}'", "x".repeat(MAX_STATEMENT));
    let read = |text: &str| Statement::new(text, &known(), Mode::Backslash).expect_err("too large");
    assert_eq!(read(&long), Unusable::TooLong);
    let many = format!("SELECT 1{}", "=$n".repeat(MAX_BOUND + 1));
    assert_eq!(read(&many), Unusable::TooManyValues);
}

#[test]
fn nothing_that_can_be_written_makes_it_panic() {
    let parts = [
        "'", "\"", "`", "$", "#", "@", "\\", "(", ")", "ä", "$n", "--", "/*", "*/", ";", " ",
        "__FILE__", ".", "[",
    ];
    let mut seed = 1_u64;
    for _ in 0..20_000 {
        let mut text = "x".to_owned();
        for _ in 0..10 {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            text += parts[(seed >> 33) as usize % parts.len()];
        }
        for mode in [Mode::Backslash, Mode::Doubled] {
            let _ = Statement::new(&text, &known(), mode).map(|it| it.inlined());
            let _ = Statement::with_file(&text, &known(), mode);
        }
    }
}
