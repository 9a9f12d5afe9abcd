// SPDX-License-Identifier: Apache-2.0
'use strict';

// Several simulations in one report: their cycles by cause, one bar each.
(() => {
  const {format, shortened} = report;

  report.answers.push(section => {
    if (section.kind !== 'overview') return '';
    const sorted = [...section.simulations].sort((a, b) => a.summary.latency_ms - b.summary.latency_ms);
    const [first, last] = [sorted[0].summary, sorted[sorted.length - 1].summary];
    return `${sorted.length} simulations, from ${format.ms(first.latency_ms)} (${first.network} on ${first.hardware}) ` +
      `to ${format.ms(last.latency_ms)} (${last.network} on ${last.hardware}).`;
  });

  report.chart({
    id: 'overview',
    title: 'Latency of each simulation',
    help: 'One bar per simulation; fastest first; its colours are the causes, as in the charts of each layer below.',
    wide: true,
    rows: section => section.kind !== 'overview' ? [] : section.simulations.map(({summary, path}) => ({
      ...summary, path, title: `${summary.network} on ${summary.hardware}`,
      ms: summary.latency_ms / summary.total_cycles})),
    columns: [
      ['title', 'simulation', format.text], ['latency_ms', 'latency', format.ms], ['total_cycles', 'cycles', format.count],
      ...report.causes.map(([key, label]) => [key, label, format.count]),
      ['pe_utilization', 'PE utilization', format.percent], ['macs', 'MACs', format.short], ['path', 'directory', format.text],
    ],
    legend: (section, rows) => ({parts: true, items: report.causes.filter(([key]) => d3.some(rows, row => row[key] > 0))}),
    draw(context) {
      const rows = [...context.rows].sort((a, b) => a.latency_ms - b.latency_ms);
      const shown = report.causes.filter(([key]) => context.shown(key));
      const bars = rows.flatMap((row, i) => {
        let x = 0;
        return shown.filter(([key]) => row[key] > 0).map(([key, label, fill]) => ({i, fill, x1: x * row.ms, x2: (x += row[key]) * row.ms}));
      });
      const marginLeft = Math.min(220, Math.max(124, context.width * 0.28));
      return report.plot(context, {
        height: 50 + 28 * rows.length,
        marginLeft,
        marginRight: 64,
        x: {label: 'latency (ms) →', grid: true, ticks: Math.floor(context.width / 110)},
        y: {domain: rows.map((row, i) => i), label: null, tickFormat: i => shortened(rows[i].title, Math.floor((marginLeft - 10) / 6.5)), tickSize: 0},
        color: {type: 'identity'},
        marks: [
          Plot.barX(bars, {x1: 'x1', x2: 'x2', y: 'i', fill: 'fill'}),
          Plot.text(rows, {x: 'latency_ms', y: (row, i) => i, text: row => format.ms(row.latency_ms), dx: 5, textAnchor: 'start'}),
          Plot.ruleX([0]),
          Plot.barX(rows, {x1: 0, x2: 'latency_ms', y: (row, i) => i, fill: 'transparent', render: context.mark(rows)}),
        ],
      });
    },
  });
})();
