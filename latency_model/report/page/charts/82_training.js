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
              ...figures.map(([key, label, as]) => [key, label, as])],
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
          marginTop: 26,
          x: {label: 'step →', ticks: Math.floor(width / 110), tickFormat: format.short},
          y: {label: `↑ ${label}`, grid: true, tickFormat: as === format.ms ? format.decimal : as, nice: true},
          color: {type: 'identity'},
          marks: lines.flatMap(([key, of], i) => [
            Plot.line(of, {x: 'step', y: key, stroke: figureOf(key)[3], strokeWidth: 1.6}),
            Plot.dot(of, {x: 'step', y: key, r: of.length > 150 ? 1.5 : 2.6, fill: figureOf(key)[3], stroke: 'transparent', strokeWidth: 5, render: context.mark(of)}),
            Plot.text([0], {frameAnchor: 'top-right', text: () => `● ${figureOf(key)[1]}`, fill: figureOf(key)[3], dy: -24 + 12 * i, dx: 0}),
          ]),
        }));
      }
      return node;
    },
  });
})();
