// SPDX-License-Identifier: Apache-2.0
'use strict';

// The points of an exploration: two figures against each other, and the front.
(() => {
  const {format, rowsOf, unique} = report;

  // Figures of a point, in the order of explore.csv; those of single networks have a colon.
  const labels = {latency_ms: 'latency (ms)', dram_mb: 'DRAM traffic (MB)', memory_kib: 'memory on chip (KiB)',
    energy_mj: 'energy (mJ)', area_mm2: 'area (mm²)'};
  const others = new Set(['status', 'feasible', 'on_front', 'machine', 'version', 'error']);
  const names = section => Object.keys(section.points);
  const figures = section => names(section).filter(name => name in labels);
  const keys = section => names(section).filter(name => !(name in labels) && !others.has(name) && !name.includes(':'));
  const place = (section, row) => keys(section).filter(key => unique(section.points[key]).length > 1)
    .map(key => `${key} ${row[key]}`).join(', ');
  const ok = section => rowsOf(section.points).filter(row => row.status === 'ok')
    .map(row => ({...row, place: place(section, row), kind: row.on_front === 1 ? 'on the front' : row.feasible === 1 ? 'dominated' : 'beyond a limit'}));

  report.answers.push(section => {
    if (section.kind !== 'exploration') return '';
    const rows = ok(section);
    const front = rows.filter(row => row.on_front === 1);
    const failed = section.points.status.length - rows.length;
    const fastest = d3.least(front, row => row.latency_ms);
    return `${format.count(section.points.status.length)} machines${failed > 0 ? `, ${format.count(failed)} of them not possible` : ''}; ` +
      `${front.length} on the front.` + (fastest ? ` Fastest: ${format.ms(fastest.latency_ms)} with ${fastest.place || 'all values'}.` : '');
  });

  const colours = new Map([['on the front', 'var(--c5)'], ['dominated', 'var(--c0)'], ['beyond a limit', 'var(--c7)']]);

  report.chart({
    id: 'exploration',
    title: 'Machines that were explored',
    help: 'One dot per machine, better towards the lower left. No machine is better than one on the front in all objectives. ' +
      'The line is the front of the two figures that are shown. Both axes are logarithmic.',
    wide: true,
    rows: section => section.kind === 'exploration' ? ok(section) : [],
    columns: [
      ['place', 'machine', format.text], ['kind', '', format.text], ['latency_ms', 'latency', format.ms],
      ['energy_mj', 'energy (mJ)', format.decimal], ['area_mm2', 'area (mm²)', format.decimal],
      ['dram_mb', 'DRAM traffic (MB)', format.decimal], ['memory_kib', 'memory (KiB)', format.decimal],
    ],
    name: row => row.place,
    controls(section) {
      const options = figures(section).map(name => [name, labels[name]]);
      const last = ['area_mm2', 'memory_kib'].find(name => figures(section).includes(name)) ?? options[0][0];
      return [{key: 'x', label: 'Horizontal:', options, value: 'latency_ms'}, {key: 'y', label: 'Vertical:', options, value: last}];
    },
    draw(context) {
      const {rows, state} = context;
      const {x, y} = state;
      const feasible = rows.filter(row => row.feasible === 1).sort((a, b) => a[x] - b[x] || a[y] - b[y]);
      const front = [];
      for (const row of feasible) if (front.length === 0 || row[y] < front[front.length - 1][y]) front.push(row);
      const back = d3.sort(rows, row => row.on_front);
      return report.plot(context, {
        height: 420,
        x: {type: 'log', label: `${labels[x]} →`, grid: true, ticks: 6, tickFormat: format.short, inset: 12},
        y: {type: 'log', label: `↑ ${labels[y]}`, grid: true, ticks: 6, tickFormat: format.short, inset: 12},
        color: {type: 'identity'},
        marks: [
          Plot.line(front, {x, y, curve: 'step-after', stroke: 'currentColor', strokeOpacity: 0.5}),
          Plot.dot(back, {x, y, r: row => row.on_front === 1 ? 5 : 3, fill: row => colours.get(row.kind),
                          fillOpacity: row => row.on_front === 1 ? 1 : 0.5, render: context.mark(back)}),
        ],
      });
    },
    legend: (section, rows) => ({key: 'kind', items: unique(rows.map(row => row.kind)).map(kind => [kind, kind, colours.get(kind)])}),
  });
})();
