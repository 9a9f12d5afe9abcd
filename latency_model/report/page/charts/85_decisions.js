// SPDX-License-Identifier: Apache-2.0
'use strict';

// What each step of a search tried and chose: candidates, costs, and the operators of each position.
(() => {
  const {format, rowsOf, unique, element} = report;

  const kinds = {
    chosen: ['chosen', 'var(--c2)'], trained: ['trained, not chosen', 'var(--c0)'],
    rejected: ['rejected without training', 'var(--c5)'], note: ['other lines', 'var(--c6)'],
  };

  report.chart({
    id: 'decisions',
    first: ['search', 'target'],
    title: 'What each step tried and chose',
    help: 'Every line of decisions.log. Candidates are trained for a short time only. A click on a colour above shows one kind of line only.',
    wide: true,
    rows: section => rowsOf(section.decisions),
    columns: [['step', 'step', format.text], ['kind', 'kind', format.text], ['text', 'decision', format.text],
              ['latency_ms', 'latency', format.ms], ['accuracy', 'accuracy', format.percent]],
    name: row => `${row.step}: ${kinds[row.kind]?.[0] ?? row.kind}`,
    lead(section, rows) {
      const candidates = rows.filter(row => row.kind !== 'note');
      const trained = candidates.filter(row => row.accuracy !== null);
      return `${candidates.length} candidates, ${trained.length} of them trained, in ${unique(rows.map(row => row.step)).length} steps.`;
    },
    legend: (section, rows) => ({key: 'kind', items: Object.entries(kinds).filter(([kind]) => rows.some(row => row.kind === kind))
      .map(([kind, [label, fill]]) => [kind, label, fill])}),
    draw(context) {
      const node = element('div', {class: 'steps scroll'});
      for (const [step, rows] of d3.group(context.rows, row => row.step)) {
        node.append(element('div', {class: 'step'}, element('h4', {}, step), ...rows.map(row => {
          const line = element('p', {class: 'decision', style: `border-color:${kinds[row.kind]?.[1] ?? 'var(--c6)'}`}, String(row.text));
          context.connect(line, row);
          return line;
        })));
      }
      return node;
    },
  });

  report.chart({
    id: 'steps',
    first: ['search', 'target'],
    title: 'The network after each step',
    help: 'Simulated latency of the network that each step leaves; the dashed line is the limit. The figure in a bar is the validation accuracy, ' +
      'where it was trained.',
    rows: section => rowsOf(section.steps).map(row => ({...row, ms: row.simulated_ms ?? row.estimated_ms})).filter(row => Number.isFinite(row.ms)),
    columns: [['step', 'step', format.text], ['simulated_ms', 'simulated', format.ms], ['simulated_mj', 'energy', format.mj], ['estimated_ms', 'estimated', format.ms],
              ['validation_accuracy', 'validation accuracy', format.percent], ['params', 'parameters', format.count], ['macs', 'MACs', format.short],
              ['architecture', 'network', format.text]],
    lead(section, rows) {
      const own = rows.filter(row => !row.step.startsWith('random-'));
      return own.length < 2 ? '' : `From ${format.short(own[0].params)} to ${format.short(own[own.length - 1].params)} parameters in ${own.length} steps.`;
    },
    draw(context) {
      const {rows, section} = context;
      const limit = section.summary?.target_ms;
      return report.plot(context, {
        height: 260,
        marginTop: 30,
        marginBottom: 56,
        x: {domain: rows.map(row => row.step), label: null, tickRotate: -30, padding: 0.25},
        y: {label: '↑ latency (ms)', grid: true, domain: [0, 1.12 * Math.max(limit ?? 0, d3.max(rows, row => row.ms))]},
        marks: [
          Plot.barY(rows, {x: 'step', y: 'ms', fill: 'var(--c4)', render: context.mark(rows)}),
          Plot.text(rows.filter(row => row.validation_accuracy !== null), {x: 'step', y: 'ms', text: row => format.percent(row.validation_accuracy), dy: 10, pointerEvents: 'none'}),
          limit ? Plot.ruleY([limit], {strokeDasharray: '5,4'}) : null,
          Plot.ruleY([0]),
        ],
      });
    },
  });

  report.chart({
    id: 'costs',
    first: ['search', 'target'],
    title: 'What each step cost',
    help: 'Seconds of each step that trained networks, without those of killed processes.',
    rows: section => !section.costs ? [] : d3.rollups(rowsOf(section.costs), of => ({
      seconds: d3.sum(of, row => row.seconds), trained_images: d3.sum(of, row => row.trained_images), evaluated_images: d3.sum(of, row => row.evaluated_images),
      networks: of.length}), row => row.step.replace(/^rank-.*/, 'ranking')).map(([step, row]) => ({step, ...row})),
    columns: [['step', 'step', format.text], ['seconds', 'seconds', format.decimal], ['networks', 'runs', format.count],
              ['trained_images', 'images trained on', format.count], ['evaluated_images', 'images evaluated', format.count]],
    lead: (section, rows) => `${format.decimal(d3.sum(rows, row => row.seconds))} s in total.`,
    draw(context) {
      const rows = [...context.rows].sort((a, b) => b.seconds - a.seconds);
      return report.plot(context, {
        height: 56 + 26 * rows.length,
        marginLeft: 124,
        marginRight: 40,
        x: {label: 'seconds →', grid: true, ticks: 5},
        y: {domain: rows.map(row => row.step), label: null, tickSize: 0},
        marks: [
          Plot.barX(rows, {x: 'seconds', y: 'step', fill: 'var(--c0)', render: context.mark(rows)}),
          Plot.text(rows, {x: 'seconds', y: 'step', text: row => format.short(row.seconds), dx: 4, textAnchor: 'start', pointerEvents: 'none'}),
          Plot.ruleX([0]),
        ],
      });
    },
  });

  report.answers.push(section => {
    if (section.kind !== 'space') return '';
    return section.spaces.map(({file, operators}) => {
      const rows = rowsOf(operators);
      const kept = rows.filter(row => row.kept === 1);
      return `${file}: ${kept.length} of ${rows.length} operators at ${unique(rows.map(row => row.position)).length} positions are kept.`;
    }).join(' ');
  });

  report.chart({
    id: 'operators',
    title: 'Operators at each position',
    help: 'One cell per operator and position; its colour is the latency (or energy) relative to the slowest operator there (dark: fast). A ring marks those that the space keeps.',
    rows: section => (section.spaces ?? []).flatMap(({file, operators}) => rowsOf(operators).map(row => ({...row, file, cost: row.latency_ms ?? row.energy_mj ?? row.share_of_limits, is_kept: row.kept === 1 ? 'kept' : 'left out'}))),
    columns: [
      ['operator', 'operator', format.text], ['position', 'position', format.text], ['file', 'file', format.text], ['is_kept', 'kept', format.text], ['latency_ms', 'latency', format.ms], ['energy_mj', 'energy', format.mj],
      ['capacity', 'capacity', format.decimal], ['score', 'score', format.decimal], ['params', 'parameters', format.count], ['macs', 'MACs', format.short], ['verdict', 'why', format.text],
    ],
    name: row => `${row.operator} at ${row.position}`,
    controls: (section, rows) => {
      const files = unique(rows.map(row => row.file));
      return files.length < 2 ? [] : [{key: 'file', label: 'Machine:', options: files.map(file => [file, file.replace(/^operators-?|\.csv$/g, '')])}];
    },
    draw(context) {
      const rows = context.all.filter(row => row.file === (context.state.file ?? context.all[0].file));
      context.table = rows;
      const slowest = d3.rollup(rows, of => d3.max(of, row => row.cost), row => row.position);
      const operators = d3.groupSort(rows, of => d3.mean(of, row => row.cost / slowest.get(row.position)), row => row.operator);
      const positions = unique(rows.map(row => row.position));
      return report.plot(context, {
        height: 60 + 17 * operators.length,
        marginLeft: 120,
        marginTop: 30,
        width: Math.min(context.width, 140 + 90 * positions.length),
        x: {domain: positions, axis: 'top', label: null, tickSize: 0, ...(positions.length * 60 > context.width - 120 ? {tickRotate: -40} : {})},
        y: {domain: operators, label: null, tickSize: 0},
        color: {type: 'linear', scheme: 'YlGnBu', reverse: true, domain: [0, 1]},
        marks: [
          Plot.cell(rows, {x: 'position', y: 'operator', fill: row => row.cost / slowest.get(row.position), inset: 1, render: context.mark(rows)}),
          Plot.dot(rows.filter(row => row.kept === 1), {x: 'position', y: 'operator', r: 4.5, stroke: '#000', fill: '#fff', strokeWidth: 1.5, pointerEvents: 'none'}),
        ],
      });
    },
  });
})();
