// SPDX-License-Identifier: Apache-2.0
'use strict';

// Accuracy against latency: the networks of a search and its front, or the methods of a comparison
// with error bars over seeds.
(() => {
  const {format, colour, rowsOf, unique} = report;

  const kinds = {
    'met by the search': 'var(--c6)', ranked: 'var(--c4)', random: 'var(--c3)', 'found (validation)': 'var(--c5)', 'found (test)': 'var(--c0)',
  };

  // The candidates that had a short training.
  function ranked(section) {
    return rowsOf(section.decisions).filter(row => row.accuracy !== null && row.latency_ms !== null)
      .map(row => ({kind: 'ranked', latency_ms: row.latency_ms, accuracy: row.accuracy, what: String(row.text)}));
  }

  function networks(section) {
    const rows = ranked(section);
    for (const stage of section.evolution ?? []) {
      rowsOf({generation: stage.generation, latency_ms: stage.latency_ms, accuracy: stage.accuracy}).forEach(row =>
        rows.push({...row, kind: 'met by the search', what: `generation ${row.generation}, with the weights of the supernet`}));
    }
    for (const file of section.step_files ?? []) {
      if (file.step.startsWith('random-') && file.simulated_ms) {
        rows.push({kind: 'random', latency_ms: file.simulated_ms, accuracy: file.validation_accuracy, what: file.step});
      }
    }
    const found = section.front ? rowsOf(section.front) : section.summary?.simulated_ms ? [section.summary] : [];
    for (const row of found) {
      const what = `limit ${format.limit(row)}`;
      if (row.validation_accuracy) rows.push({kind: 'found (validation)', latency_ms: row.simulated_ms, accuracy: row.validation_accuracy, target_ms: row.target_ms, what});
      if (row.accuracy) rows.push({kind: 'found (test)', latency_ms: row.simulated_ms, accuracy: row.accuracy, target_ms: row.target_ms, what});
    }
    return rows.filter(row => row.accuracy !== undefined && row.accuracy !== null);
  }

  report.answers.unshift(section => {
    if (section.kind === 'search' && section.front) {
      const rows = rowsOf(section.front);
      return `${rows.length} limits: ${rows.map(row => `${format.percent(row.accuracy)} within ${format.limit(row)} (${format.ms(row.simulated_ms)})`).join(', ')}.`;
    }
    const summary = section.summary;
    if (!summary?.target_ms && !summary?.target_mj) return '';
    const used = Math.max(summary.target_ms ? summary.simulated_ms / summary.target_ms : 0, summary.target_mj ? summary.simulated_mj / summary.target_mj : 0);
    return `Test accuracy ${format.percent(summary.accuracy)} (validation ${format.percent(summary.validation_accuracy)}) at ${format.ms(summary.simulated_ms)}${summary.simulated_mj ? ` and ${format.mj(summary.simulated_mj)}` : ''} simulated, ` +
      `${format.percent(used)} of the limit of ${format.limit(summary)}; ${format.short(summary.params)} parameters.`;
  });

  report.chart({
    id: 'accuracy',
    first: ['search', 'target'],
    title: 'Accuracy against latency',
    help: 'One dot per trained network; higher and further left is better. The dashed line is the limit, the solid line joins the networks found. ' +
      'Networks that were ranked or met by the search had a short training or the weights of the supernet, so their accuracy is lower.',
    wide: true,
    rows: section => section.kind === 'search' || section.kind === 'target' ? networks(section) : [],
    columns: [['what', 'network', format.text], ['kind', 'kind', format.text], ['latency_ms', 'latency', format.ms], ['accuracy', 'accuracy', format.percent]],
    name: row => row.kind,
    legend: (section, rows) => ({key: 'kind', items: Object.entries(kinds).filter(([kind]) => rows.some(row => row.kind === kind)).map(([kind, fill]) => [kind, kind, fill])}),
    draw(context) {
      const {rows, all} = context;
      const targets = unique(all.map(row => row.target_ms).filter(Boolean));
      const [low, high] = d3.extent([...all.map(row => row.latency_ms), ...targets]);
      const pad = 0.08 * (high - low || high);
      const order = Object.keys(kinds);
      const sorted = [...rows].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
      return report.plot(context, {
        height: 360,
        marginTop: 36,
        marginRight: 40,
        x: {domain: [Math.max(0, low - pad), high + pad], label: 'latency (ms) →', grid: true, ticks: Math.floor(context.width / 110)},
        y: {label: '↑ accuracy', tickFormat: format.percent, grid: true, nice: true, inset: 8},
        color: {type: 'identity'},
        marks: [
          Plot.ruleX(targets, {strokeDasharray: '5,4'}),
          Plot.text(targets, {x: d => d, frameAnchor: 'top', text: d => `limit ${format.ms(d)}`, dy: -16}),
          Plot.line(sorted.filter(row => row.kind.startsWith('found')), {x: 'latency_ms', y: 'accuracy', z: 'kind', stroke: row => kinds[row.kind], sort: 'latency_ms', strokeWidth: 2}),
          Plot.dot(sorted, {x: 'latency_ms', y: 'accuracy', r: row => row.kind.startsWith('found') ? 6.5 : 4, fill: row => kinds[row.kind],
                            fillOpacity: row => row.kind === 'met by the search' ? 0.5 : 0.9, stroke: 'var(--card)', strokeWidth: 0.7,
                            sort: null, render: context.mark(sorted)}),
        ],
        r: {type: 'identity'},
        opacity: {type: 'identity'},
      });
    },
  });

  function methods(section) {
    if (section.kind !== 'comparison') return [];
    const runs = rowsOf(section.runs).filter(row => row.accuracy !== null);
    const error = values => values.length < 2 ? null : d3.deviation(values) / Math.sqrt(values.length);
    return d3.rollups(runs, of => ({
      seeds: of.length, latency_ms: d3.mean(of, row => row.simulated_ms), accuracy: d3.mean(of, row => row.accuracy),
      error: error(of.map(row => row.accuracy)), validation: d3.mean(of, row => row.validation_accuracy),
      seconds: d3.mean(of, row => row.search_seconds), images: d3.mean(of, row => row.trained_images + row.evaluated_images),
      random: d3.mean(of, row => row.random_accuracy), params: d3.mean(of, row => row.params), target_ms: of[0].target_ms,
      energy_mj: d3.mean(of, row => row.simulated_mj),
    }), row => row.method, row => format.limit(row)).flatMap(([method, targets]) => targets.map(([limit, row]) => ({method, limit, ...row})));
  }

  report.answers.push(section => {
    const rows = methods(section);
    if (rows.length === 0) return '';
    const failed = section.runs.accuracy.filter(accuracy => accuracy === null).length;
    const figure = row => `${format.percent(row.accuracy)}${row.error === null ? '' : ` ± ${format.percent(row.error)}`}`;
    return d3.groups(rows, row => row.limit).map(([target, of]) => {
      const [best, next] = d3.sort(of, row => -row.accuracy);
      const overlap = next && best.accuracy - (best.error ?? 0) <= next.accuracy + (next.error ?? 0);
      return `Within ${target}, ${best.method} has the highest mean of ${of.length} methods: ${figure(best)}` +
        `${next ? `; next is ${next.method}: ${figure(next)}${overlap ? ', which these runs do not distinguish' : ''}` : ''}.`;
    }).join(' ') + (failed > 0 ? ` ${failed} of ${section.runs.accuracy.length} runs found no network.` : '') +
      (rows.some(row => row.error === null) ? ' A single seed does not show the spread.' : '');
  });

  report.chart({
    id: 'methods',
    title: 'Methods: accuracy against latency',
    help: 'One dot per method and limit: the mean over seeds; the bar is one standard error on both sides. Where bars overlap, these runs do not show a difference.',
    wide: true,
    rows: methods,
    columns: [
      ['method', 'method', format.text], ['limit', 'limit', format.text], ['seeds', 'seeds', format.count], ['latency_ms', 'latency', format.ms],
      ['energy_mj', 'energy', format.mj], ['accuracy', 'test accuracy', format.percent], ['error', 'standard error', format.percent], ['validation', 'validation accuracy', format.percent],
      ['random', 'random networks', format.percent], ['params', 'parameters', format.count], ['images', 'images of the search', format.count],
      ['seconds', 'seconds of the search', format.count],
    ],
    legend: (section, rows) => {
      const names = unique(rows.map(row => row.method));
      const colours = colour.of(names);
      return {key: 'method', items: names.map(name => [name, name, colours.get(name)])};
    },
    draw(context) {
      const {rows, all} = context;
      const colours = colour.of(unique(all.map(row => row.method)));
      const targets = unique(all.map(row => row.target_ms).filter(Boolean));
      const [low, high] = d3.extent([...all.map(row => row.latency_ms), ...targets]);
      const pad = 0.1 * (high - low || high);
      const low_y = row => row.accuracy - (row.error ?? 0);
      const high_y = row => row.accuracy + (row.error ?? 0);
      return report.plot(context, {
        height: 360,
        marginTop: 36,
        marginRight: 84,
        x: {domain: [Math.max(0, low - pad), high + pad], label: 'latency (ms) →', grid: true, ticks: Math.floor(context.width / 110)},
        y: {label: '↑ test accuracy', tickFormat: format.percent, grid: true, nice: true, inset: 12},
        color: {type: 'identity'},
        marks: [
          Plot.ruleX(targets, {strokeDasharray: '5,4'}),
          Plot.text(targets, {x: d => d, frameAnchor: 'top', text: d => `limit ${format.ms(d)}`, dy: -16}),
          Plot.line(rows, {x: 'latency_ms', y: 'accuracy', z: 'method', stroke: row => colours.get(row.method), sort: 'latency_ms'}),
          Plot.ruleX(rows.filter(row => row.error), {x: 'latency_ms', y1: low_y, y2: high_y, stroke: row => colours.get(row.method), strokeWidth: 2}),
          Plot.dot(rows, {x: 'latency_ms', y: 'accuracy', r: 6, fill: row => colours.get(row.method), stroke: 'var(--card)', render: context.mark(rows)}),
          Plot.text(rows, {x: 'latency_ms', y: 'accuracy', text: 'method', dx: 9, dy: -8, textAnchor: 'start', pointerEvents: 'none'}),
        ],
      });
    },
  });
})();
