//! What SQL expects at a place of a statement: enough of its grammar to tell names from values.

/// What may stand where a reference stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The name of a table, a column or the like.
    Name,
    /// A value.
    Value,
    /// A value of a list, as in `IN (..)`.
    Listed,
    /// Neither, such as a whole condition: an operand has just ended.
    More,
}

/// A part of a statement in which the same is expected behind each comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    /// The verb, before any other clause.
    Verb,
    /// `SELECT ..`
    Columns,
    /// The same in `INSERT INTO table SELECT ..`, where values stand as often as columns.
    Copied,
    /// `FROM ..`, `JOIN ..`, `UPDATE ..`
    Tables,
    /// `INTO ..`
    Into,
    /// Names in parentheses, as behind `INTO table` or `COUNT`.
    Names,
    /// `SET ..`
    Set,
    /// `WHERE ..`, `ON ..`, `HAVING ..`
    Condition,
    /// `ORDER BY ..`, `GROUP BY ..`
    Order,
    /// `IN (..)`
    List,
    Expression,
}

/// What stands before the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The beginning of a clause, or a comma.
    Start,
    Operator,
    Operand,
    /// What only a name can follow: a dot, `AS`.
    NameSign,
}

/// Follows a statement from word to word. Quoted texts and comments are the caller's.
pub struct Place {
    clause: Clause,
    /// The clauses around the open parentheses.
    outer: Vec<Clause>,
    before: Before,
    /// The last word is `IN`.
    after_in: bool,
    /// The last word is a function of columns, such as `COUNT`.
    after_aggregate: bool,
    has_tables: bool,
}

impl Place {
    /// The beginning of this statement.
    pub fn new(statement: &str) -> Self {
        let mut words = statement.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        Self {
            clause: Clause::Verb,
            outer: Vec::new(),
            before: Before::Operand,
            after_in: false,
            after_aggregate: false,
            has_tables: words.any(|word| word.eq_ignore_ascii_case("from")),
        }
    }

    /// Goes behind a word or number.
    pub fn word(&mut self, word: &str) {
        let word = word.to_ascii_uppercase();
        self.after_in = word == "IN";
        self.after_aggregate = matches!(&*word, "COUNT" | "SUM" | "MIN" | "MAX" | "AVG");
        let (clause, before) = match &*word {
            "SELECT" if self.clause == Clause::Into => (Clause::Copied, Before::Start),
            "SELECT" => (Clause::Columns, Before::Start),
            "DISTINCT" => (self.clause, Before::Start),
            "FROM" if !matches!(self.clause, Clause::Verb | Clause::Columns | Clause::Copied) => {
                (self.clause, Before::Operator)
            }
            "FROM" | "JOIN" | "UPDATE" | "TABLE" | "TABLES" | "DATABASE" | "SCHEMA"
            | "TRUNCATE" | "USE" | "DESCRIBE" => (Clause::Tables, Before::Start),
            "EXISTS" if self.clause == Clause::Tables => (Clause::Tables, Before::Start),
            "INTO" => (Clause::Into, Before::Start),
            "SET" => (Clause::Set, Before::Start),
            "WHERE" | "ON" | "HAVING" => (Clause::Condition, Before::Start),
            "AND" | "OR" | "XOR" | "NOT" if self.clause == Clause::Condition => {
                (Clause::Condition, Before::Start)
            }
            "BY" => (Clause::Order, Before::Start),
            "AS" => (self.clause, Before::NameSign),
            "VALUES" | "VALUE" => (Clause::Expression, Before::Start),
            "LIMIT" | "OFFSET" => (Clause::Expression, Before::Operator),
            "AND" | "OR" | "XOR" | "NOT" | "LIKE" | "IN" | "BETWEEN" | "IS" | "REGEXP"
            | "RLIKE" | "DIV" | "MOD" | "CASE" | "WHEN" | "THEN" | "ELSE" | "INTERVAL"
            | "BINARY" | "ESCAPE" => (self.clause, Before::Operator),
            _ => (self.clause, Before::Operand),
        };
        self.clause = clause;
        self.before = before;
    }

    /// Goes behind a character that belongs to no word.
    pub fn sign(&mut self, sign: char) {
        match sign {
            '(' => {
                self.outer.push(self.clause);
                self.clause = match self.clause {
                    _ if self.after_in => Clause::List,
                    _ if self.after_aggregate => Clause::Names,
                    Clause::Into => Clause::Names,
                    Clause::Condition => Clause::Condition,
                    _ => Clause::Expression,
                };
                self.before = Before::Start;
            }
            ')' => {
                self.clause = self.outer.pop().unwrap_or(Clause::Expression);
                self.before = Before::Operand;
            }
            ',' => self.before = Before::Start,
            '.' => self.before = Before::NameSign,
            '*' if self.before == Before::Start => self.before = Before::Operand,
            _ => self.before = Before::Operator,
        }
        self.after_in = false;
        self.after_aggregate = false;
    }

    /// Goes behind a quoted text or a reference.
    pub fn operand(&mut self) {
        self.before = Before::Operand;
        self.after_in = false;
        self.after_aggregate = false;
    }

    /// What is expected here; `behind` is the text after the reference.
    pub fn role(&self, behind: &str) -> Role {
        let member = behind
            .strip_prefix('.')
            .and_then(|rest| rest.chars().next());
        if member.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '*' | '$' | '`')) {
            return Role::Name;
        }
        match (self.before, self.clause) {
            (Before::NameSign, _) => Role::Name,
            (Before::Operator, _) => Role::Value,
            (Before::Operand, _) => Role::More,
            (Before::Start, Clause::Tables | Clause::Into | Clause::Names | Clause::Order) => {
                Role::Name
            }
            (Before::Start, Clause::Columns) if self.has_tables => Role::Name,
            (Before::Start, Clause::Set) if behind.trim_start().starts_with('=') => Role::Name,
            (Before::Start, Clause::Condition) if is_compared(behind) => Role::Name,
            (Before::Start, Clause::List) => Role::Listed,
            (Before::Start, _) => Role::Value,
        }
    }
}

/// Whether a comparison with a literal or a reference follows, so that a column has to stand here. If it is
/// compared with a column it is a value itself.
fn is_compared(behind: &str) -> bool {
    let behind = behind.trim_start();
    let end = behind
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(behind.len());
    let right = match &*behind[..end].to_ascii_uppercase() {
        "IS" => return true,
        "LIKE" => &behind[end..],
        "" => behind.trim_start_matches(['=', '<', '>', '!']),
        _ => return false,
    };
    let first = right.trim_start().chars().next();
    let is_literal = |c: char| c.is_ascii_digit() || matches!(c, '\'' | '"' | '$' | '#' | '@');
    right.len() < behind.len() && first.is_some_and(is_literal)
}

/// Whether a text can only be a name: letters, digits, `_` and `.`.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

/// Whether a text is an integer that fits a column.
pub fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}
