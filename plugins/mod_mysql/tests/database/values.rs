use crate::{database, done, fails, value};

#[test]
fn a_value_with_a_quote_is_found() {
    let mut t = database("quotes");
    t.set("n", "O'Neil");
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ($n)"],
    );
    for condition in ["name='$n'", "name=\"$n\"", "name=$n", "name LIKE '%$n%'"] {
        done(
            &mut t,
            "mysql.queryGetResult",
            &[&format!("SELECT id FROM t1 WHERE {condition}")],
        );
        assert_eq!(t.var("id"), "4", "{condition}");
    }
}

#[test]
fn what_a_caller_sends_changes_no_statement() {
    let mut t = database("injection");
    let attacks = [
        "' OR '1'='1",
        "\" OR 1=1 -- ",
        "1 OR 1=1",
        "\\' OR 1=1 -- ",
        "id",
        "name",
        "1; DROP TABLE t1",
        "x') OR ('1'='1",
        "1 UNION SELECT 2",
        "\\",
        "''",
        "/*",
        "0 OR name",
    ];
    for attack in attacks {
        t.set("x", attack);
        for condition in [
            "id='$x'",
            "id=$x",
            "name='$x' AND id=id",
            "name=\"$x\"",
            "(name = $x)",
            "$x=name",
            "name IN ($x)",
            "name LIKE '$x'",
            "id IN (SELECT id FROM t1 WHERE name='$x')",
        ] {
            let statement = format!("SELECT COUNT(*) AS c FROM t1 WHERE {condition} AND 1=1");
            t.set("c", "");
            t.run("mysql.queryGetResult", &[&statement]);
            let counted =
                matches!(t.var("c"), "0" | "") || (attack.starts_with('1') && t.var("c") == "1");
            assert!(
                counted,
                "{condition} with {attack}: {:?} {}",
                t.var("c"),
                t.var("db.ereason")
            );
        }
    }
    assert_eq!(value(&mut t, "SELECT COUNT(*) FROM t1"), "3");
}

#[test]
fn names_of_tables_and_columns_are_inserted() {
    let mut t = database("naming");
    t.set("table", "t1");
    t.set("column", "name");
    done(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT $column FROM $table WHERE id=1 ORDER BY $column"],
    );
    assert_eq!(t.var("name"), "a");
    done(
        &mut t,
        "mysql.execute",
        &["UPDATE $table SET $column=$column WHERE id=1"],
    );
    done(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT name FROM t1 WHERE id=1"],
    );
    assert_eq!(t.var("name"), "name", "a value is a value");
}

#[test]
fn a_value_is_inserted_literally() {
    let mut t = database("literally");
    t.set("v", "a$x b");
    t.set("x", "WRONG");
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('$v')"],
    );
    assert_eq!(value(&mut t, "SELECT name FROM t1 WHERE id=4"), "a$x b");
}

#[test]
fn selects_are_values() {
    let mut t = database("selects");
    t.set_select("user", "a");
    done(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT id FROM t1 WHERE name='@user'"],
    );
    assert_eq!(t.var("id"), "1");
    done(
        &mut t,
        "mysql.queryGetResult",
        &["select count(id) as new_messages from t1 where name=@user"],
    );
    assert_eq!(t.var("new_messages"), "1");
    done(&mut t, "mysql.execute", &["SET @mine := 7"]);
    assert_eq!(value(&mut t, "@mine"), "7");
}

#[test]
fn an_escaped_value_is_escaped_once() {
    let mut t = database("escaping");
    t.set("n", "O'Neil \\ \"x\"");
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('$n')"],
    );
    let n = t.var("n").to_owned();
    done(&mut t, "mysql.escape", &["e", &n]);
    assert_eq!(t.var("e"), "O\\'Neil \\\\ \\\"x\\\"");
    for condition in ["name='$e'", "name=\"$e\"", "name=$e", "name='$n'"] {
        done(
            &mut t,
            "mysql.queryGetResult",
            &[&format!("SELECT id FROM t1 WHERE {condition}")],
        );
        assert_eq!(t.var("id"), "4", "{condition}");
    }
    let assembled = format!("SELECT id FROM t1 WHERE name='{}'", t.var("e"));
    t.set("sql", &assembled);
    done(&mut t, "mysql.queryGetResult", &["$sql"]);
    assert_eq!(t.var("id"), "4");
}

#[test]
fn values_are_escaped_as_the_connection_reads_them() {
    let mut t = database("modes");
    done(
        &mut t,
        "mysql.execute",
        &["SET sql_mode='NO_BACKSLASH_ESCAPES'"],
    );
    t.set("n", "O'N\\");
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('$n')"],
    );
    done(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT id FROM t1 WHERE name='$n' AND name=\"$n\" AND name=$n"],
    );
    assert_eq!(t.var("id"), "4");
    done(&mut t, "mysql.escape", &["e", "O'N\\"]);
    assert_eq!(t.var("e"), "O''N\\");
    done(&mut t, "mysql.execute", &["SET sql_mode=''"]);
    assert_eq!(value(&mut t, "SELECT name='$n' FROM t1 WHERE id=4"), "1");
}

#[test]
fn a_statement_is_shown_with_its_values() {
    let mut t = database("showing");
    t.set("t", "t1");
    t.set("k", "7");
    t.set_event("event", &[("type", "quiz")]);
    done(
        &mut t,
        "mysql.resolveQueryParams",
        &["SELECT * FROM $t WHERE k=$k AND e=#type"],
    );
    assert_eq!(t.var("db.qstr"), "SELECT * FROM t1 WHERE k=7 AND e='quiz'");
    done(&mut t, "mysql.resolveQueryParams", &["\\$t \\#n"]);
    assert_eq!(t.var("db.qstr"), "\\$t \\#n");
    t.set("n", "O'Neil");
    done(
        &mut t,
        "mysql.resolveQueryParams",
        &["SELECT id FROM t1 WHERE name<>$n OR '$n'=''"],
    );
    done(&mut t, "mysql.query", &["$db.qstr"]);
    assert_eq!(t.var("db.rows"), "2");
}

#[test]
fn texts_of_all_languages_survive() {
    let mut t = database("languages");
    t.set("n", "Grüße 你好 🎵 \u{1}\n\r\t%_");
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('$n'), ($n)"],
    );
    let n = t.var("n").to_owned();
    for id in ["4", "5"] {
        done(
            &mut t,
            "mysql.queryGetResult",
            &[&format!("SELECT name FROM t1 WHERE id={id}")],
        );
        assert_eq!(t.var("name"), n);
    }
}

#[test]
fn a_bare_text_that_is_no_value_is_refused() {
    let mut t = database("fragments");
    t.set("where", "WHERE 1=1");
    fails(
        &mut t,
        "mysql.query",
        &["SELECT id FROM t1 $where"],
        "query",
    );
    done(&mut t, "mysql.query", &["SELECT id FROM t1"]);
}
