use muleteer_sdk::module::testing::Outcome;

use crate::{database, done, fails, value};

#[test]
fn rows_are_changed_and_counted() {
    let mut t = database("counting");
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO t1 (name) VALUES ('c')"],
    );
    assert_eq!(
        (t.var("db.rows"), t.var("db.insert_id"), t.var("db.info")),
        ("1", "4", "")
    );
    done(
        &mut t,
        "mysql.execute",
        &["UPDATE t1 SET name='x' WHERE id<3"],
    );
    assert_eq!(t.var("db.rows"), "2");
}

#[test]
fn execute_drops_what_it_selects() {
    let mut t = database("dropping");
    done(&mut t, "mysql.execute", &["SELECT * FROM t1"]);
    assert_eq!(t.var("db.rows"), "3");
    assert_eq!(value(&mut t, "SELECT COUNT(*) FROM t1"), "3");
    assert!(!t.test("mysql.hasResult", &[]));
}

#[test]
fn query_changes_rows_too() {
    let mut t = database("changing");
    done(
        &mut t,
        "mysql.query",
        &["INSERT INTO t1 (name) VALUES ('c')"],
    );
    assert_eq!((t.var("db.rows"), t.var("db.insert_id")), ("1", "4"));
    assert!(!t.test("mysql.hasResult", &[]));
    assert_eq!(value(&mut t, "SELECT COUNT(*) FROM t1"), "4");
}

#[test]
fn rows_of_a_result_are_assigned_one_by_one() {
    let mut t = database("in_rows");
    done(
        &mut t,
        "mysql.query",
        &["SELECT id,name FROM t1 ORDER BY id"],
    );
    assert_eq!(t.var("db.rows"), "3");
    assert!(t.test("mysql.hasResult", &[]));
    for (row, id, name) in [("", "1", "a"), ("1", "2", "b"), (" 2 ", "3", "")] {
        done(&mut t, "mysql.getResult", &[row]);
        assert_eq!((t.var("id"), t.var("name")), (id, name));
    }
    assert_eq!(t.var("db.null.name"), "true");
    done(&mut t, "mysql.getResult", &["0"]);
    assert!(!t.has("db.null.name"));
    fails(&mut t, "mysql.getResult", &["9"], "result");
    fails(&mut t, "mysql.getResult", &["x"], "arg");
    fails(&mut t, "mysql.getResult", &["-1"], "arg");
    fails(&mut t, "mysql.getResult", &["1", "nocol"], "result");
    done(&mut t, "mysql.getResult", &["1", "name"]);
    assert_eq!((t.var("id"), t.var("name")), ("1", "b"));
}

#[test]
fn a_result_is_saved_and_used_again() {
    let mut t = database("saving");
    done(&mut t, "mysql.query", &["SELECT name FROM t1 ORDER BY id"]);
    assert_eq!(t.run("mysql.saveResult", &["s"]), Outcome::Done);
    done(&mut t, "mysql.query", &["SELECT id FROM t1 WHERE id=2"]);
    done(&mut t, "mysql.getResult", &[]);
    assert_eq!(t.var("id"), "2");
    assert_eq!(t.run("mysql.useResult", &["s"]), Outcome::Done);
    done(&mut t, "mysql.getResult", &["0"]);
    assert_eq!(t.var("name"), "a");
    assert_eq!(t.run("mysql.useResult", &["nosuch"]), Outcome::Done);
    fails(&mut t, "mysql.getResult", &[], "result");
    assert!(!t.test("mysql.hasResult", &[]));
}

#[test]
fn one_row_is_selected_at_once() {
    let mut t = database("at_once");
    done(&mut t, "mysql.query", &["SELECT id FROM t1"]);
    done(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT COUNT(*) AS cnt FROM t1"],
    );
    assert_eq!((t.var("cnt"), t.var("db.rows")), ("3", "1"));
    done(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT id, name FROM t1 ORDER BY id", "1"],
    );
    assert_eq!(t.var("id"), "2");
    fails(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT id FROM t1 WHERE id=99"],
        "result",
    );
    assert_eq!(t.var("db.rows"), "3", "unchanged");
    fails(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT id FROM t1", "x"],
        "arg",
    );
    fails(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT id FROM t1", "3"],
        "result",
    );
    done(&mut t, "mysql.getResult", &["2"]);
    assert_eq!(t.var("id"), "3", "the kept result is untouched");
}

#[test]
fn no_rows_are_no_error_for_query() {
    let mut t = database("no_rows");
    done(&mut t, "mysql.query", &["SELECT id FROM t1 WHERE id=99"]);
    assert_eq!(t.var("db.rows"), "0");
    assert!(!t.test("mysql.hasResult", &[]));
}

#[test]
fn what_the_database_refuses_is_told() {
    let mut t = database("refusing");
    fails(&mut t, "mysql.query", &["SELECT nope FROM t1"], "query");
    assert!(
        t.var("db.ereason").contains("nope"),
        "{}",
        t.var("db.ereason")
    );
    assert_eq!(t.var("db.errno"), "1054");
    fails(&mut t, "mysql.execute", &["SELECT 1; SELECT 2"], "query");
    fails(&mut t, "mysql.execute", &[""], "query");
    done(&mut t, "mysql.execute", &["SELECT 1;"]);
    assert!(t.test("mysql.connected", &[]));
}

#[test]
fn values_are_the_same_texts_with_and_without_bound_values() {
    let mut t = database("types");
    done(
        &mut t,
        "mysql.execute",
        &[
            "CREATE TABLE v (k VARCHAR(5), i INT, u BIGINT UNSIGNED, d DOUBLE, f FLOAT, \
        n DECIMAL(10,3), a DATE, m DATETIME, x DATETIME(3), z TIME, zz TIME(2), y YEAR, b BLOB, s VARCHAR(20))",
        ],
    );
    done(
        &mut t,
        "mysql.execute",
        &["INSERT INTO v VALUES \
        ('k', -5, 18446744073709551615, 1.5, 0.1, 12.3, '2024-02-09', '2024-02-09 01:02:03', '2024-02-09 01:02:03.45', \
        '-100:05:06', '01:02:03.4', 2024, 'b\\0c', 'äöü'), \
        ('k', 0, 0, 1e20, 1e-20, 0, '0000-00-00', '2024-02-09 00:00:00', '2024-02-09 00:00:00', '00:00:00', '00:00:00', 1999, '', '')"],
    );
    t.set("k", "k");
    for row in ["0", "1"] {
        done(
            &mut t,
            "mysql.queryGetResult",
            &["SELECT * FROM v WHERE k='$k' ORDER BY i", row],
        );
        let plain = t.vars().clone();
        done(
            &mut t,
            "mysql.queryGetResult",
            &["SELECT * FROM v WHERE k=$k ORDER BY i", row],
        );
        assert_eq!(&plain, t.vars());
    }
    assert_eq!((t.var("s"), t.var("d")), ("", "1e20"));
    done(
        &mut t,
        "mysql.queryGetResult",
        &["SELECT * FROM v ORDER BY i"],
    );
    assert_eq!(
        (t.var("s"), t.var("b"), t.var("z")),
        ("äöü", "b\0c", "-100:05:06")
    );
}

#[test]
fn results_are_bounded() {
    let mut t = database("bounds");
    fails(
        &mut t,
        "mysql.query",
        &["SELECT seq FROM seq_1_to_100001"],
        "result",
    );
    done(&mut t, "mysql.query", &["SELECT seq FROM seq_1_to_100000"]);
    done(
        &mut t,
        "mysql.execute",
        &["SELECT seq FROM seq_1_to_100001"],
    );
    assert_eq!(t.var("db.rows"), "100001");
    fails(
        &mut t,
        "mysql.query",
        &["SELECT REPEAT('x', 1000000) FROM seq_1_to_80"],
        "result",
    );
    assert_eq!(value(&mut t, "1"), "1");
}

#[test]
fn a_procedure_gives_its_first_result() {
    let mut t = database("procedures");
    fails(
        &mut t,
        "mysql.execute",
        &["CREATE PROCEDURE p() BEGIN SELECT 1 AS a; SELECT 2 AS b; END"],
        "query",
    );
    done(
        &mut t,
        "mysql.execute",
        &["CREATE PROCEDURE p() SELECT id FROM t1 ORDER BY id"],
    );
    done(&mut t, "mysql.query", &["CALL p()"]);
    assert_eq!(t.var("db.rows"), "3");
    assert_eq!(value(&mut t, "1"), "1");
}
