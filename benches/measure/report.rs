//! What was measured, and how it is shown.

use comfy_table::presets;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

/// One figure.
#[derive(Serialize)]
pub struct Row {
    /// Of what.
    pub what: String,
    /// The figure.
    pub ours: f64,
    /// Of the ratio's other side.
    pub beside: Option<f64>,
    /// What both are counted in.
    pub unit: &'static str,
    /// How `ours` stands to `beside`, each pair measured in turn: the median of the ratios.
    pub ratio: Option<f64>,
    /// What it should be.
    pub goal: Option<Goal>,
    /// Where the time went, in parts of one.
    pub shares: Vec<(&'static str, f64)>,
}

/// What a figure should be.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The ratio is at least this.
    RatioAtLeast(f64),
    /// The ratio is at most this.
    RatioAtMost(f64),
    /// The figure is at most so much more than what stands beside it.
    AtMostAbove(f64),
    /// The figure is less than this.
    LessThan(f64),
    /// The figure is at least this.
    AtLeast(f64),
}

impl Row {
    /// A figure with nothing beside it.
    pub fn alone(what: impl Into<String>, ours: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            ours,
            beside: None,
            unit,
            ratio: None,
            goal: None,
            shares: Vec::new(),
        }
    }

    /// Rounds of the same work done in two ways, one after the other.
    pub fn of_rounds(what: impl Into<String>, rounds: &[(f64, f64)], unit: &'static str) -> Self {
        let median_of = |side: fn(&(f64, f64)) -> f64| median(rounds.iter().map(side));
        Self {
            beside: Some(median_of(|(_, beside)| *beside)),
            ratio: Some(median_of(|(ours, beside)| ours / beside)),
            ..Self::alone(what, median_of(|(ours, _)| *ours), unit)
        }
    }

    /// With something to reach.
    pub fn goal(self, goal: Goal) -> Self {
        Self {
            goal: Some(goal),
            ..self
        }
    }

    fn goal_text(&self) -> String {
        let (text, met) = match self.goal {
            None => return String::new(),
            Some(Goal::RatioAtLeast(least)) => (
                format!("at least {least}"),
                self.ratio.is_some_and(|ratio| ratio >= least),
            ),
            Some(Goal::RatioAtMost(most)) => (
                format!("at most {most}"),
                self.ratio.is_some_and(|ratio| ratio <= most),
            ),
            Some(Goal::AtMostAbove(most)) => (
                format!("at most {most} more"),
                self.beside.is_some_and(|beside| self.ours - beside <= most),
            ),
            Some(Goal::LessThan(most)) => (format!("less than {most}"), self.ours < most),
            Some(Goal::AtLeast(least)) => (format!("at least {least}"), self.ours >= least),
        };
        format!("{text}: {}", if met { "met" } else { "MISSED" })
    }
}

/// The one in the middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Every figure, for people.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["", "Exeunt", "beside it", "unit", "ratio", "goal", "shares"]);
    for row in rows {
        let shares: Vec<String> = row
            .shares
            .iter()
            .map(|(of, share)| format!("{of} {:.0} %", share * 100.0))
            .collect();
        table.add_row([
            row.what.clone(),
            figure(row.ours),
            row.beside.map(figure).unwrap_or_default(),
            row.unit.to_owned(),
            row.ratio
                .map(|ratio| format!("{ratio:.2}"))
                .unwrap_or_default(),
            row.goal_text(),
            shares.join(", "),
        ]);
    }
    for column in [1, 2, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn figure(value: f64) -> String {
    if value < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}
