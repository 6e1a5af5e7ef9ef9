//! Fields that a rule speaks of and its schema does not have: every object would break such a rule, so it is refused when
//! it is defined.

use kube_cel::cel::common::ast::{EntryExpr, Expr, IdedExpr};
use kube_cel::{CompilationResult, CompiledSchema};

/// What every object has, whatever its schema says.
const OBJECT: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// The first such field. Only what is reached from `self` by names is looked at: what items and values of maps are is known
/// when they are there.
pub(super) fn field<'a>(rule: &'a CompilationResult, schema: &CompiledSchema) -> Option<&'a str> {
    let mut undefined = None;
    let optional = rule.rule.optional_old_self == Some(true);
    // Of an optional value only what says whether it is there is known.
    let roots: &[&str] = if optional { &["self"] } else { &["self", "oldSelf"] };
    Walk { roots, schema, undefined: &mut undefined }.visit(&rule.program.expression().expr);
    undefined
}

struct Walk<'w, 'a> {
    roots: &'w [&'w str],
    schema: &'w CompiledSchema,
    undefined: &'w mut Option<&'a str>,
}

impl<'w, 'a> Walk<'w, 'a> {
    /// Looks at an expression and all in it; gives its schema, where that is known.
    fn visit(&mut self, expression: &'a Expr) -> Option<&'w CompiledSchema> {
        match expression {
            Expr::Ident(name) => return self.roots.contains(&name.as_str()).then_some(self.schema),
            Expr::Select(select) => {
                let schema = self.visit(&select.operand.expr)?;
                if is_other_name(&select.field) {
                    return None;
                }
                let found = schema.properties.get(&select.field);
                if found.is_none() && is_closed(schema) {
                    self.undefined.get_or_insert(&select.field);
                }
                return found;
            }
            Expr::Call(call) => self.all(call.target.iter().map(|target| &**target).chain(&call.args)),
            Expr::List(list) => self.all(&list.elements),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(object) => object.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            // Its own variable hides what else is called so.
            Expr::Comprehension(all) if self.roots.contains(&all.iter_var.as_str()) => self.all([&all.iter_range]),
            Expr::Comprehension(all) => {
                self.all([&all.iter_range, &all.accu_init, &all.loop_cond, &all.loop_step, &all.result]);
            }
            Expr::Unspecified | Expr::Literal(_) => {}
        }
        None
    }

    fn all(&mut self, expressions: impl IntoIterator<Item = &'a IdedExpr>) {
        for expression in expressions {
            self.visit(&expression.expr);
        }
    }

    fn entry(&mut self, entry: &'a EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.all([&field.value]),
            EntryExpr::MapEntry(entry) => self.all([&entry.key, &entry.value]),
        }
    }
}

/// Nothing but its fields can be in such an object.
fn is_closed(schema: &CompiledSchema) -> bool {
    !schema.properties.is_empty()
        && schema.additional_properties.is_none()
        && !schema.is_map
        && !schema.preserve_unknown_fields
        && !schema.embedded_resource
}

/// A name that every object has, or one that rules write otherwise than schemas, as `a__dot__b`.
fn is_other_name(name: &str) -> bool {
    OBJECT.contains(&name) || name.contains("__")
}
