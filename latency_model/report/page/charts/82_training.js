// SPDX-License-Identifier: Apache-2.0
'use strict';

// Losses, accuracies, learning rates, and latency of the selected network over the steps of training.
(() => {
  const {format, rowsOf, unique} = report;

  const figures = [
    ['loss', 'loss', format.decimal, 'var(--c0)', ''], ['validation_loss', 'validation loss', format.decimal, 'var(--c5)', ''],
    ['train_accuracy', 'training accuracy', format.percent, 'var(--c4)', 'accuracy'],
    ['validation_accuracy', 'validation accuracy', format.percent, 'var(--c2)', 'accuracy'],
    ['latency_ms', 'latency of the selected network', format.ms, 'var(--c1)', 'latency'],
    ['gap_ms', 'gap to the target', format.ms, 'var(--c3)', 'latency'],
    ['learning_rate', 'learning rate', format.decimal, 'var(--c6)', 'learning rate'],
  ];
  const panels = [['loss', ['loss', 'validation_loss']], ['accuracy', ['train_accuracy', 'validation_accuracy']],
                  ['latency (ms)', ['latency_ms', 'gap_ms']], ['learning rate', ['learning_rate']]];
  const figureOf = key => figures.find(([name]) => name === key);

  report.chart({
    id: 'training',
    first: ['search', 'target'],
    title: 'Training',
    help: 'One panel per figure over the steps of a phase. In the phase search, the gap is the difference of the latency of the selected network ' +
      'to its target; it should close.',
    wide: true,
    rows: section => section.metrics ? rowsOf(section.metrics) : [],
    columns: [['phase', 'phase', format.text], ['step', 'step', format.count], ['epoch', 'epoch', format.decimal],
              ...figures.map(([key, label, as]) => [key, label, as]), ['gates', 'gates', format.text]],
    name: row => `${row.phase}, step ${row.step}`,
    controls(section, rows) {
      const phases = d3.rollups(rows, of => of.length, row => row.phase);
      const longest = phases.filter(([phase]) => !phase.startsWith('rank-')).map(([phase]) => phase);
      return [{key: 'phase', label: 'Phase:', options: phases.map(([phase, count]) => [phase, `${phase} (${count} rows)`]),
               value: longest.includes('search') ? 'search' : longest[0] ?? phases[0][0]}];
    },
    draw(context) {
      const rows = context.all.filter(row => row.phase === context.state.phase);
      context.table = rows;
      const used = panels.map(([label, keys]) => [label, keys.filter(key => rows.some(row => row[key] !== null))]).filter(([, keys]) => keys.length > 0);
      const perLine = context.width > 900 ? Math.min(used.length, 2) : 1;
      const width = Math.floor(context.width / perLine) - 8;
      const node = report.element('div', {class: 'blocks'});
      for (const [label, keys] of used) {
        const as = figureOf(keys[0])[2];
        const lines = keys.map(key => [key, rows.filter(row => row[key] !== null)]);
        node.append(report.plot({...context, width}, {
          height: 190,
          marginTop: 16 + 12 * keys.length,
          x: {label: 'step →', ticks: Math.floor(width / 110), tickFormat: format.short},
          y: {label: `↑ ${label}`, grid: true, tickFormat: as === format.ms ? format.decimal : as, nice: true},
          color: {type: 'identity'},
          marks: lines.flatMap(([key, of], i) => [
            Plot.line(of, {x: 'step', y: key, stroke: figureOf(key)[3], strokeWidth: 1.6}),
            Plot.dot(of, {x: 'step', y: key, r: of.length > 150 ? 1.5 : 2.6, fill: figureOf(key)[3], stroke: 'transparent', strokeWidth: 5, render: context.mark(of)}),
            Plot.text([0], {frameAnchor: 'top-right', text: () => `● ${figureOf(key)[1]}`, fill: figureOf(key)[3], dy: -18 - 12 * (keys.length - 1 - i), dx: 0}),
          ]),
        }));
      }
      return node;
    },
  });

  // `3x3:2 5x5:4 | skip`: at each block, kernel and expansion ratio of the branches that the gates
  // select. One row per block and run of steps with the same text.
  function runs(section) {
    const rows = section.metrics?.gates ? rowsOf(section.metrics).filter(row => row.gates !== null) : [];
    const result = [];
    const last = [];
    rows.forEach((row, i) => String(row.gates).split(' | ').forEach((gates, block) => {
      const end = rows[i + 1]?.step ?? row.step + 1;
      if (last[block]?.gates === gates) {
        last[block].end = end;
        return;
      }
      const branches = gates === 'skip' ? [] : gates.split(' ').map(text => /^(\d+)x\d+:(\d+)$/.exec(text)).filter(Boolean);
      last[block] = {block: block + 1, gates, begin: row.step, end, ratio: d3.sum(branches, found => +found[2]),
                     kernel: d3.max(branches, found => +found[1]) ?? 0};
      result.push(last[block]);
    }));
    return d3.sort(result, row => row.block, row => row.begin);
  }

  report.chart({
    id: 'gates',
    first: ['search', 'target'],
    title: 'Gates',
    help: 'One row per block of the supernet, from input to output, over the steps of the search. A change of colour is a gate that opens or closes: ' +
      'dark is many channels, or a large kernel. 3x3:2 5x5:4 are two branches with their kernels and expansion ratios.',
    wide: true,
    rows: runs,
    columns: [['block', 'block', format.count], ['begin', 'from step', format.count], ['end', 'to before step', format.count], ['gates', 'kernels : expansion ratios', format.text],
              ['ratio', 'sum of expansion ratios', format.count], ['kernel', 'largest kernel', format.count]],
    name: row => `block ${row.block}, from step ${row.begin}`,
    lead(section, rows) {
      const blocks = d3.groups(rows, row => row.block);
      const changes = rows.length - blocks.length;
      const most = d3.greatest(blocks, ([, of]) => of.length);
      return `${changes} changes in ${blocks.length} blocks${changes > 0 ? `; most in block ${most[0]} (${most[1].length - 1})` : ''}.`;
    },
    controls: () => [{key: 'value', label: 'Colour:', options: [['ratio', 'sum of expansion ratios'], ['kernel', 'largest kernel']]}],
    draw(context) {
      const {rows, state} = context;
      const key = state.value;
      const [first, last] = [d3.min(rows, row => row.begin), d3.max(rows, row => row.end)];
      const width = row => (row.end - row.begin) / (last - first) * (context.width - 100);
      const most = d3.max(rows, row => row[key]) || 1;
      return report.plot(context, {
        height: 42 + 22 * unique(rows.map(row => row.block)).length,
        marginTop: 8,
        marginBottom: 34,
        x: {label: 'step →', domain: [first, last], ticks: Math.floor(context.width / 110), tickFormat: format.short},
        y: {label: 'block', type: 'band', tickSize: 0, padding: 0.06},
        color: {type: 'linear', scheme: 'Blues', domain: [-0.2 * most, 1.2 * most]},
        marks: [
          Plot.barX(rows, {x1: 'begin', x2: 'end', y: 'block', fill: key, insetLeft: 0.5, render: context.mark(rows)}),
          Plot.text(rows.filter(row => width(row) > 6.5 * row.gates.length), {x: row => (row.begin + row.end) / 2, y: 'block', text: 'gates',
            fill: row => row[key] > 0.55 * most ? '#fff' : '#000', pointerEvents: 'none'}),
        ],
      });
    },
  });
})();
