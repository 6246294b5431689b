//! The figures as pictures.

use crate::Failure;
use crate::chart::{Axis, Corner, Line, Lines, Scale, Unit};

use super::outcome::Outcome;
use super::series::{Quantity, Series};

/// What one picture shows of a series.
struct Picture {
    file: &'static str,
    title: &'static str,
    label: &'static str,
    scale: Scale,
    quantities: &'static [Quantity],
}

/// File names and SVG of a series' pictures.
pub(super) fn pictures(outcome: &Outcome) -> Result<Vec<(&'static str, String)>, Failure> {
    let mut all = Vec::new();
    for picture in of(outcome.series) {
        all.push((picture.file, draw(outcome, picture).svg()?));
    }
    Ok(all)
}

fn draw(outcome: &Outcome, picture: &Picture) -> Lines {
    let (counts, unit) = outcome.series.counts();
    let line =
        |quantity: &Quantity| Line { name: quantity.unit().to_owned(), points: outcome.line(*quantity) };
    Lines {
        title: picture.title.to_owned(),
        x: Axis { label: counts.to_owned(), scale: Scale::Logarithmic, unit },
        y: Axis { label: picture.label.to_owned(), scale: picture.scale, unit: Unit::Count },
        lines: picture.quantities.iter().map(line).collect(),
        legend: Corner::UpperLeft,
    }
}

fn of(series: Series) -> &'static [Picture] {
    match series {
        Series::Backends => &[Picture {
            file: "growth-backends.svg",
            title: "CPU time of a request against backends",
            label: "microseconds a request",
            scale: Scale::Linear,
            quantities: &[Quantity::Request],
        }],
        Series::Routes => &[Picture {
            file: "growth-routes.svg",
            title: "CPU time of a request against routes",
            label: "microseconds a request",
            scale: Scale::Linear,
            quantities: &[Quantity::Request],
        }],
        Series::Idle => &[
            Picture {
                file: "growth-idle.svg",
                title: "CPU time of a request against idle connections",
                label: "microseconds a request",
                scale: Scale::Linear,
                quantities: &[Quantity::Request],
            },
            Picture {
                file: "growth-idle-memory.svg",
                title: "Resident memory against idle connections",
                label: "MiB",
                scale: Scale::Linear,
                quantities: &[Quantity::Resident],
            },
        ],
        Series::Body => &[Picture {
            file: "growth-body.svg",
            title: "CPU time against the body's size",
            label: "microseconds",
            scale: Scale::Logarithmic,
            quantities: &[Quantity::Request, Quantity::Mebibyte],
        }],
        Series::Reload => &[
            Picture {
                file: "growth-reload.svg",
                title: "Time of a reload against backends",
                label: "milliseconds",
                scale: Scale::Logarithmic,
                quantities: &[Quantity::Reload],
            },
            Picture {
                file: "growth-reload-memory.svg",
                title: "Memory that reloads need on top, against backends",
                label: "MiB",
                scale: Scale::Logarithmic,
                quantities: &[Quantity::Peak],
            },
        ],
    }
}

/// Names of all pictures that are drawn.
#[cfg(test)]
pub(super) fn files() -> impl Iterator<Item = &'static str> {
    Series::ALL.into_iter().flat_map(of).map(|picture| picture.file)
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::outcome;
    use super::*;

    #[test]
    fn a_picture_shows_the_medians_at_their_points() {
        let outcome = outcome(Series::Routes, &[&[10.0], &[11.0, 12.0, 15.0]]);
        let drawn = draw(&outcome, &of(Series::Routes)[0]);
        assert_eq!(drawn.lines[0].points, [(1.0, 10.0), (10.0, 12.0)]);
        let all = pictures(&outcome).unwrap();
        assert_eq!(all[0].0, "growth-routes.svg");
        assert!(all[0].1.starts_with("<svg") && all[0].1.contains("\n12\n"));
    }

    #[test]
    fn what_is_drawn_is_measured() {
        for series in Series::ALL {
            for picture in of(series) {
                let measured = |quantity| series.quantities().contains(quantity);
                assert!(picture.quantities.iter().all(measured), "{}", picture.file);
            }
        }
    }
}
