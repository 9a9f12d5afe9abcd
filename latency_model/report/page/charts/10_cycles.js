// SPDX-License-Identifier: Apache-2.0
'use strict';

// Cycles per layer, stacked by cause; the sentence that a section of a simulation begins with.
(() => {
  const {format, colour, shortened} = report;

  const parts = [
    ['compute_cycles', 'compute', 'var(--compute)'],
    ['setup_cycles', 'set-up', 'var(--setup)'],
    ['dispatch_cycles', 'dispatch', 'var(--dispatch)'],
    ['stall_feature_cycles', 'wait for features', 'var(--features)'],
    ['stall_weight_cycles', 'wait for weights', 'var(--weights)'],
    ['stall_bias_cycles', 'wait for biases', 'var(--bias)'],
    ['stall_write_cycles', 'wait for writes', 'var(--write)'],
  ];
  report.causes = parts;

  const timed = section => section.layerRows.filter(row => row.total_cycles > 0);
  const slowest = rows => [...rows].sort((a, b) => b.total_cycles - a.total_cycles);

  report.answers.push(section => {
    const {summary} = section;
    const rows = timed(section);
    if (!summary || rows.length === 0) return '';
    const shares = parts.map(([key, label]) => [(summary[key] ?? 0) / summary.total_cycles, label])
      .sort((a, b) => b[0] - a[0]);
    const stall = shares.slice(1).find(([, label]) => label !== 'compute');
    const names = slowest(rows).slice(0, 3).map(row => `${row.layer} (${format.percent(row.share)})`);
    return `${format.count(summary.total_cycles)} cycles, ${format.ms(summary.latency_ms)}` +
      `${summary.batch > 1 ? ` for ${summary.batch} images` : ''}: ` +
      `${format.percent(shares[0][0])} ${shares[0][1]}` +
      `${stall && stall[0] > 0 ? `, then ${stall[1]} (${format.percent(stall[0])})` : ''}. ` +
      `Slowest layers: ${names.join(', ')}. PE utilization: ${format.percent(summary.pe_utilization)}.`;
  });

  report.chart({
    id: 'cycles',
    title: 'Where the cycles went',
    help: 'One bar per layer in the order of execution; its height is the cycles of the layer, its colours are the causes. ' +
      'Fused layers take no cycles and have no bar.',
    wide: true,
    rows: timed,
    columns: [
      ['layer', 'layer', format.text], ['op', 'operator', format.text], ['bound', 'bound by', format.text],
      ['total_cycles', 'cycles', format.count], ['share', 'share', format.percent],
      ...parts.map(([key, label]) => [key, label, format.count]),
      ['pe_utilization', 'PE utilization', format.percent], ['dram_bytes', 'DRAM traffic', format.bytes],
    ],
    lead(section, rows) {
      const sorted = slowest(rows);
      const total = d3.sum(rows, row => row.total_cycles);
      let sum = 0;
      const count = sorted.findIndex(row => (sum += row.total_cycles) >= total / 2) + 1;
      return `${count} of ${rows.length} layers take half of the cycles.`;
    },
    legend: (section, rows) => ({parts: true, items: parts.filter(([key]) => d3.some(rows, row => row[key] > 0))}),
    draw(context) {
      const {rows, width} = context;
      const shown = parts.filter(([key]) => context.shown(key));
      const bars = rows.flatMap((row, i) => {
        let y = 0;
        return shown.filter(([key]) => row[key] > 0).map(([key, label, fill]) => ({i, fill, y1: y, y2: (y += row[key])}));
      });
      const height = row => d3.sum(shown, ([key]) => row[key]);
      const band = (width - 70) / rows.length;
      const isLabelled = band >= 12.5;
      // The highest bars that are far enough from each other have their names above.
      const top = [];
      for (const bar of rows.map((row, i) => ({row, i})).sort((a, b) => height(b.row) - height(a.row)).slice(0, 8)) {
        if (!isLabelled && top.length < 4 && top.every(other => Math.abs(other.i - bar.i) * band > 110)) top.push(bar);
      }
      // Where there is no space for all names: the first layer of each stage.
      const stage = row => row.layer.split('.')[0];
      let last = -Infinity;
      const ticks = rows.map((row, i) => i).filter(i => {
        if (isLabelled) return true;
        if (i > 0 && stage(rows[i]) === stage(rows[i - 1])) return false;
        if ((i - last) * band < 14) return false;
        last = i;
        return true;
      });
      return report.plot(context, {
        height: 360,
        marginBottom: isLabelled ? 108 : 56,
        marginTop: 30,
        x: {domain: rows.map((row, i) => i), padding: band > 6 ? 0.15 : 0.02, label: null, axis: null},
        y: {label: '↑ cycles', tickFormat: format.short, grid: true},
        marks: [
          Plot.barY(bars, {x: 'i', y1: 'y1', y2: 'y2', fill: 'fill'}),
          Plot.ruleY([0]),
          Plot.axisX(ticks, {tickRotate: -55, tickSize: 3, fontSize: 10, label: null,
                             tickFormat: i => shortened(isLabelled ? rows[i].layer : stage(rows[i]), isLabelled ? 20 : 10)}),
          ...top.map(({row, i}) => Plot.text([row], {
            x: () => i, y: height, text: () => shortened(row.layer, 20), dy: -7, fontSize: 10,
            textAnchor: i < rows.length / 4 ? 'start' : i > 0.75 * rows.length ? 'end' : 'middle'})),
          Plot.barY(rows, {x: (row, i) => i, y1: 0, y2: height, fill: 'transparent', render: context.mark(rows)}),
        ],
      });
    },
  });
})();
