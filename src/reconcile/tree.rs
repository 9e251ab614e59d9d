//! What a rule names, found on its parse tree before anything runs: namespaces, properties, filters, tests, functions.
//!
//! minijinja itself finds an unknown name only when the branch that holds it runs, so a typo behind an `or` would sleep
//! until the first record that gets there. The tree is the one part of minijinja's `unstable_machinery` in use.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::State;
use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr};

use crate::domain::{Role, Stream};

use super::billing;

/// Which names a rule of one section may use.
#[derive(Debug, Clone, Copy)]
pub(super) enum Section {
    /// An account: its companies, paying customers and deals.
    Customers,
    /// One person.
    Contacts,
    /// The address of one paying customer.
    Billing,
    /// One deal.
    Onboardings,
}

impl Section {
    /// The name of a single record, and its namespace.
    fn record(self, name: &str) -> Option<&'static str> {
        self.streams().map(Stream::namespace).find(|namespace| *namespace == name)
    }

    /// The name of all records of an account, and the namespace of each.
    fn records(self, name: &str) -> Option<&'static str> {
        let several = matches!(self, Self::Customers);
        self.streams().find(|stream| several && stream.plural_namespace() == name).map(Stream::namespace)
    }

    /// Every name, for messages.
    fn names(self) -> String {
        let mut names: Vec<&str> = self.streams().map(Stream::namespace).collect();
        if matches!(self, Self::Customers) {
            names.extend(self.streams().map(Stream::plural_namespace));
        }
        names.join(", ")
    }

    fn streams(self) -> impl Iterator<Item = Stream> {
        Stream::ALL.into_iter().filter(move |stream| match self {
            Self::Customers => matches!(stream.role(), Role::Account | Role::Deal),
            Self::Contacts => stream.role() == Role::Person && stream.shown_by().is_none(),
            Self::Billing => stream.role() == Role::Person && stream.shown_by().is_some(),
            Self::Onboardings => stream.role() == Role::Deal,
        })
    }
}

/// Namespace to the properties that rules read of it.
pub(super) type Reads = BTreeMap<&'static str, BTreeSet<String>>;

/// What a part of a rule stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Record(&'static str),
    Records(&'static str),
    /// Whoever looks after a record at its source.
    Owner,
    Value,
}

/// The property through which rules see who looks after a record, and what it shows of that person.
const OWNER: (&str, [&str; 4]) = ("owner", ["archived", "email", "id", "name"]);

/// Walks a rule's tree once.
pub(super) struct Walk<'a, 'env> {
    pub(super) section: Section,
    pub(super) state: &'a State<'env, 'env>,
    pub(super) reads: Reads,
    /// Namespace and property of everything that is named, what is made here included.
    pub(super) names: BTreeSet<(&'static str, String)>,
    pub(super) problems: Vec<String>,
}

impl Walk<'_, '_> {
    /// Looks at a whole rule.
    pub(super) fn rule(&mut self, tree: &Expr<'_>) {
        self.visit(tree);
    }

    fn problem(&mut self, message: String) {
        if !self.problems.contains(&message) {
            self.problems.push(message);
        }
    }

    fn visit(&mut self, expr: &Expr<'_>) -> Shape {
        match expr {
            Expr::Var(var) => self.name(var.id),
            Expr::Const(_) => Shape::Value,
            Expr::GetAttr(get) => {
                let of = self.visit(&get.expr);
                self.property(of, get.name)
            }
            Expr::GetItem(get) => {
                let of = self.visit(&get.expr);
                self.visit(&get.subscript_expr);
                self.item(of, &get.subscript_expr)
            }
            Expr::Slice(slice) => {
                let of = self.visit(&slice.expr);
                for bound in [&slice.start, &slice.stop, &slice.step].into_iter().flatten() {
                    self.visit(bound);
                }
                of
            }
            Expr::UnaryOp(unary) => self.plain([&unary.expr]),
            Expr::BinOp(binary) => {
                let (left, right) = (self.visit(&binary.left), self.visit(&binary.right));
                if matches!(binary.op, BinOpKind::Eq | BinOpKind::Ne) {
                    self.compares_with_none([&binary.left, &binary.right]);
                }
                match binary.op {
                    BinOpKind::ScOr | BinOpKind::ScAnd | BinOpKind::Add => either(left, right),
                    _ => Shape::Value,
                }
            }
            Expr::Compare(compare) => {
                self.visit(&compare.expr);
                let mut left = &compare.expr;
                for step in &compare.ops {
                    self.visit(&step.expr);
                    if matches!(step.op, CompareOpKind::Eq | CompareOpKind::Ne) {
                        self.compares_with_none([left, &step.expr]);
                    }
                    left = &step.expr;
                }
                Shape::Value
            }
            Expr::IfExpr(choice) => {
                self.visit(&choice.test_expr);
                let yes = self.visit(&choice.true_expr);
                let no = choice.false_expr.as_ref().map_or(yes, |expr| self.visit(expr));
                either(yes, no)
            }
            Expr::Filter(filter) => {
                let of = filter.expr.as_ref().map_or(Shape::Value, |expr| self.visit(expr));
                if !minijinja::tests::is_filter(self.state, filter.name) {
                    self.problem(format!("there is no filter '{}'", filter.name));
                }
                self.args(&filter.args);
                self.filtered(of, filter.name, &filter.args)
            }
            Expr::Test(test) => {
                if !minijinja::tests::is_test(self.state, test.name) {
                    self.problem(format!("there is no test 'is {}'", test.name));
                }
                self.args(&test.args);
                self.plain([&test.expr])
            }
            Expr::Call(call) => {
                self.args(&call.args);
                match &call.expr {
                    Expr::Var(function) if self.state.env().globals().any(|(name, _)| name == function.id) => {}
                    Expr::Var(function) => self.problem(format!("there is no function '{}'", function.id)),
                    Expr::GetAttr(method) => {
                        self.visit(&method.expr);
                        self.problem(format!("values have no methods such as '.{}()'; use a filter", method.name));
                    }
                    _ => self.problem("only functions can be called".to_owned()),
                }
                Shape::Value
            }
            Expr::List(list) => self.plain(&list.items),
            Expr::Tuple(tuple) => self.plain(&tuple.items),
            Expr::Map(map) => self.plain(map.keys.iter().chain(&map.values)),
        }
    }

    fn plain<'e, 's: 'e>(&mut self, parts: impl IntoIterator<Item = &'e Expr<'s>>) -> Shape {
        for part in parts {
            self.visit(part);
        }
        Shape::Value
    }

    fn args(&mut self, args: &[CallArg<'_>]) {
        for arg in args {
            let (CallArg::Pos(expr) | CallArg::Kwarg(_, expr) | CallArg::PosSplat(expr) | CallArg::KwargSplat(expr)) =
                arg;
            self.visit(expr);
        }
    }

    fn name(&mut self, name: &str) -> Shape {
        if let Some(namespace) = self.section.record(name) {
            return Shape::Record(namespace);
        }
        if let Some(namespace) = self.section.records(name) {
            return Shape::Records(namespace);
        }
        let names = self.section.names();
        self.problem(format!("'{name}' is not known here; a rule of this section sees {names}"));
        Shape::Value
    }

    fn property(&mut self, of: Shape, name: &str) -> Shape {
        match of {
            Shape::Record(namespace) => {
                self.read(namespace, name);
                if name == OWNER.0 && namespace != billing::NAMESPACE { Shape::Owner } else { Shape::Value }
            }
            Shape::Owner => {
                if !OWNER.1.contains(&name) {
                    self.problem(format!("an owner has no '{name}'; it has {}", OWNER.1.join(", ")));
                }
                Shape::Value
            }
            Shape::Records(_) => {
                self.problem(format!("'.{name}' needs one record; take one as in [0], or use map(attribute='{name}')"));
                Shape::Value
            }
            Shape::Value => Shape::Value,
        }
    }

    fn read(&mut self, namespace: &'static str, name: &str) {
        self.names.insert((namespace, name.to_owned()));
        let billed = namespace == billing::NAMESPACE && billing::DERIVED.contains(&name);
        if billed && matches!(self.section, Section::Billing) {
            let why = "follows from subscriptions, and a billing contact knows only its customer's own fields";
            self.problem(format!("'{namespace}.{name}' {why}"));
        }
        let made_here = name == "id" || billed;
        let own = self.reads.entry(namespace).or_default();
        if !made_here {
            own.insert(name.to_owned());
        }
    }

    fn item(&mut self, of: Shape, subscript: &Expr<'_>) -> Shape {
        match (of, constant_text(subscript)) {
            (Shape::Record(_) | Shape::Owner, Some(name)) => self.property(of, &name),
            (Shape::Record(_) | Shape::Owner, None) => {
                self.problem("a property must be named outright, not worked out in [ ]".to_owned());
                Shape::Value
            }
            (Shape::Records(namespace), _) => Shape::Record(namespace),
            (Shape::Value, _) => Shape::Value,
        }
    }

    /// What comes out of a filter over records, and which property its `attribute` reads.
    fn filtered(&mut self, of: Shape, filter: &str, args: &[CallArg<'_>]) -> Shape {
        let namespace = match of {
            Shape::Records(namespace) | Shape::Record(namespace) => namespace,
            Shape::Owner | Shape::Value => return Shape::Value,
        };
        let first_names_property = matches!(filter, "selectattr" | "rejectattr" | "groupby" | "attr");
        for (index, arg) in args.iter().enumerate() {
            let named = match arg {
                CallArg::Kwarg("attribute", expr) => Some(expr),
                CallArg::Pos(expr) if index == 0 && first_names_property => Some(expr),
                _ => None,
            };
            match named.map(constant_text) {
                Some(Some(path)) => self.read(namespace, path.split('.').next().unwrap_or_default()),
                Some(None) => self.problem(format!("the attribute of '{filter}' must be named outright")),
                None => {}
            }
        }
        let has_attribute = args.iter().any(|arg| matches!(arg, CallArg::Kwarg("attribute", _)));
        match (of, filter) {
            (Shape::Records(_), "first" | "last") => Shape::Record(namespace),
            (Shape::Records(_), "min" | "max") if has_attribute => Shape::Record(namespace),
            (_, "selectattr" | "rejectattr" | "select" | "reject" | "sort" | "reverse" | "list" | "unique") => of,
            (_, "default" | "d") => of,
            _ => Shape::Value,
        }
    }

    /// A missing property is undefined to minijinja, and undefined is not equal to none: `== none` would always be false.
    fn compares_with_none(&mut self, sides: [&Expr<'_>; 2]) {
        if sides.into_iter().any(|side| matches!(side, Expr::Const(constant) if constant.value.is_none())) {
            self.problem("write 'is none' or 'is not none' instead of comparing with none".to_owned());
        }
    }
}

fn either(a: Shape, b: Shape) -> Shape {
    if a == Shape::Value { b } else { a }
}

fn constant_text(expr: &Expr<'_>) -> Option<String> {
    match expr {
        Expr::Const(constant) => constant.value.as_str().map(str::to_owned),
        _ => None,
    }
}
