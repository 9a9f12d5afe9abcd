// SPDX-License-Identifier: Apache-2.0
'use strict';

// Cycles of all layers of an operator, stacked by cause.
(() => {
  const {format} = report;

  report.chart({
    id: 'by-operator',
    title: 'Cycles by operator',
    help: 'The sum over the layers of an operator; the figure on the right is their PE utilization.',
    rows: section => d3.rollups(section.layerRows.filter(row => row.total_cycles > 0), of => ({
      layers: of.length,
      ...Object.fromEntries(['total_cycles', 'share', 'macs', ...report.causes.map(([key]) => key)].map(key => [key, d3.sum(of, row => row[key])])),
      utilization: d3.sum(of, row => row.pe_utilization * row.total_cycles) / d3.sum(of, row => row.total_cycles),
    }), row => row.op).map(([op, row]) => ({op, ...row})).sort((a, b) => b.total_cycles - a.total_cycles),
    columns: [
      ['op', 'operator', format.text], ['layers', 'layers', format.count], ['total_cycles', 'cycles', format.count], ['share', 'share of cycles', format.percent],
      ['macs', 'MACs', format.short], ['utilization', 'PE utilization', format.percent], ...report.causes.map(([key, label]) => [key, label, format.count]),
    ],
    lead: (section, rows) => `${rows[0].op} takes ${format.percent(rows[0].share)} of the cycles.`,
    legend: (section, rows) => ({parts: true, items: report.causes.filter(([key]) => d3.some(rows, row => row[key] > 0))}),
    draw(context) {
      const {rows} = context;
      const shown = report.causes.filter(([key]) => context.shown(key));
      const bars = rows.flatMap(row => {
        let x = 0;
        return shown.filter(([key]) => row[key] > 0).map(([key, label, fill]) => ({op: row.op, fill, x1: x, x2: (x += row[key])}));
      });
      const length = row => d3.sum(shown, ([key]) => row[key]);
      return report.plot(context, {
        height: 60 + 34 * rows.length,
        marginLeft: 118,
        marginRight: 46,
        x: {label: 'cycles →', grid: true, tickFormat: format.short, ticks: Math.floor(context.width / 110)},
        y: {domain: rows.map(row => row.op), label: null, tickSize: 0},
        color: {type: 'identity'},
        marks: [
          Plot.barX(bars, {x1: 'x1', x2: 'x2', y: 'op', fill: 'fill'}),
          Plot.text(rows.filter(row => row.macs > 0), {x: length, y: 'op', text: row => format.percent(row.utilization), dx: 4, textAnchor: 'start'}),
          Plot.ruleX([0]),
          Plot.barX(rows, {x1: 0, x2: length, y: 'op', fill: 'transparent', render: context.mark(rows)}),
        ],
      });
    },
  });
})();
