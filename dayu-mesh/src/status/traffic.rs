//! What passes, in numbers for Prometheus.
use std::{collections::BTreeMap, fmt};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use crate::stats::Traffic as Passed;

/// By service and device: replicas come and go, and Prometheus would keep each for ever.
#[derive(Debug)]
pub(super) struct Traffic(pub(super) BTreeMap<(String, String), Passed>);

type Count = fn(&Passed) -> u64;

const COUNTERS: [(&str, &str, Option<Unit>, Count); 4] = [
    ("requests", "Requests and connections by where they went", None, |passed| passed.requests),
    ("declined", "Answers of 5xx and 429", None, |passed| passed.declined),
    ("sent", "To workers: of connections all, of requests by name the bodies", Some(Unit::Bytes), |passed| {
        passed.moved.up
    }),
    ("received", "From workers, as sent", Some(Unit::Bytes), |passed| passed.moved.down),
];

impl Collector for Traffic {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, unit, count) in COUNTERS {
            let metric = encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?;
            self.each(metric, |mut one, passed| one.encode_counter::<NoLabelSet, _, f64>(&count(passed), None))?;
        }
        let help = "Requests and connections that have not ended";
        let metric = encoder.encode_descriptor("in_flight", help, None, MetricType::Gauge)?;
        self.each(metric, |mut one, passed| one.encode_gauge(&passed.in_flight))?;
        let help = "From the last byte of a request to the first of its answer, of a connection the first time";
        let metric = encoder.encode_descriptor("answer", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        self.each(metric, |mut one, Passed { answers, .. }| {
            one.encode_histogram::<NoLabelSet>(answers.sum().as_secs_f64(), answers.count(), &answers.buckets(), None)
        })
    }
}

impl Traffic {
    fn each(
        &self,
        mut metric: MetricEncoder<'_>,
        tell: impl Fn(MetricEncoder<'_>, &Passed) -> fmt::Result,
    ) -> fmt::Result {
        self.0.iter().try_for_each(|((service, device), passed)| {
            tell(metric.encode_family(&[("service", service.as_str()), ("device", device.as_str())])?, passed)
        })
    }
}
