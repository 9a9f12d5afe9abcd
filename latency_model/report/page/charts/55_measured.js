// SPDX-License-Identifier: Apache-2.0
'use strict';

// Simulated against measured latencies: the rows of `tilewake fit` and of `tilewake fit --evaluate`.
(() => {
  const {format, rowsOf} = report;

  const kinds = [['start_ms', 'before the fit', 'var(--c4)'], ['simulated_ms', 'fitted', 'var(--c0)'], ['holdout_ms', 'held out', 'var(--c5)']];
  const colours = new Map(kinds.map(([, kind, fill]) => [kind, fill]));

  // One row per dot. A comparison without a fit has one kind.
  function dots(section) {
    if (section.kind !== 'fit') return [];
    const rows = rowsOf(section.fit_rows).filter(row => row.measured_ms > 0);
    const isFit = rows.some(row => row.start_ms > 0);
    return kinds.flatMap(([column, kind]) => rows.filter(row => row[column] > 0).map(row => ({
      network: row.network, kind: isFit ? kind : 'fitted', measured_ms: row.measured_ms, simulated_ms: row[column],
      error: row[column] / row.measured_ms - 1, macs: row.macs})));
  }

  const ofKind = (rows, kind) => rows.filter(row => row.kind === kind);
  const meanError = rows => d3.mean(rows, row => Math.abs(row.error));

  report.answers.push(section => {
    const rows = dots(section);
    if (rows.length === 0) return '';
    const {machine} = rowsOf(section.fit_rows)[0];
    const held_out = ofKind(rows, 'held out');
    const before = ofKind(rows, 'before the fit');
    const fitted = ofKind(rows, 'fitted');
    return `${machine} is within ${format.percent(meanError(held_out.length > 0 ? held_out : fitted))} of ${fitted.length} measured latencies in the mean` +
      `${held_out.length > 0 ? ', on rows that were held out from the fit' : ''}${before.length > 0 ? `; before the fit, ${format.percent(meanError(before))}` : ''}.`;
  });

  report.chart({
    id: 'measured',
    title: 'Simulated against measured latency',
    help: 'One dot per network. On the line the simulation is exact; above it, it is too slow. Held out: on a machine that was fitted without this network. ' +
      'Both axes are logarithmic.',
    wide: true,
    rows: dots,
    columns: [
      ['network', 'network', format.text], ['kind', 'machine', format.text], ['measured_ms', 'measured', format.ms],
      ['simulated_ms', 'simulated', format.ms], ['error', 'error', format.error], ['macs', 'MACs', format.short],
    ],
    name: row => row.network,
    lead(section, rows) {
      const judged = ofKind(rows, 'held out').length > 0 ? ofKind(rows, 'held out') : ofKind(rows, 'fitted');
      const worst = judged.reduce((a, b) => Math.abs(a.error) >= Math.abs(b.error) ? a : b);
      return `Largest error${judged[0].kind === 'held out' ? ' of a held-out row' : ''}: ${format.error(worst.error)} for ${worst.network}.`;
    },
    legend: (section, rows) => ({key: 'kind', items: kinds.filter(([, kind]) => rows.some(row => row.kind === kind)).map(([, kind, fill]) => [kind, kind, fill])}),
    draw(context) {
      const {rows, all} = context;
      const [low, high] = d3.extent(all.flatMap(row => [row.measured_ms, row.simulated_ms]));
      const domain = [low / 1.2, high * 1.2];
      return report.plot(context, {
        height: 400,
        x: {...report.logAxis, domain, label: 'measured latency (ms) →', grid: true},
        y: {...report.logAxis, domain, label: '↑ simulated latency (ms)', grid: true},
        color: {type: 'identity'},
        marks: [
          Plot.line([[domain[0], domain[0]], [domain[1], domain[1]]], {strokeOpacity: 0.5}),
          Plot.dot(rows, {x: 'measured_ms', y: 'simulated_ms', r: all.length < 300 ? 4 : 2.5, fill: row => colours.get(row.kind), fillOpacity: 0.75,
                          stroke: 'var(--card)', strokeWidth: 0.4, sort: null, render: context.mark(rows)}),
        ],
      });
    },
  });
})();
