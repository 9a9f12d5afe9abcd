// SPDX-License-Identifier: Apache-2.0
'use strict';

// Predicted against simulated cycles, and the errors: of held-out layers of a calibration, or of the
// layers of a simulation whose machine has a model.
(() => {
  const {format, colour, rowsOf, unique} = report;

  report.answers.push(section => {
    if (section.kind !== 'calibration') return '';
    const {holdout, num_layers: layers, num_networks: networks} = section.model;
    return `On held-out networks the mean error is ${format.percent(holdout.networks.mape)} of the latency of a network and ` +
      `${format.percent(holdout.layers.mape)} of a layer; 95 % of the layers are within ${format.percent(holdout.layers.p95)}. ` +
      `Fitted to ${format.count(layers)} layers of ${format.count(networks)} networks; the roofline alone errs by ${format.percent(holdout.roofline_mape)}.`;
  });
  report.hints.push(section => section.kind !== 'calibration' || section.holdout ? null :
    'This model has the errors of each class and its worst layers only. For every held-out layer as a dot, repeat the calibration with --holdout.');

  function pairs(section) {
    if (section.holdout) {
      return rowsOf(section.holdout.dots).map(row => ({...row, error: row.predicted_cycles / row.simulated_cycles - 1}));
    }
    if (section.model) {
      return section.model.holdout.worst.map(row => ({...row, simulated_cycles: row.measured, predicted_cycles: row.predicted, count: 1,
                                                      error: row.predicted / row.measured - 1}));
    }
    return section.layerRows.filter(row => row.error !== undefined).map(row => ({
      op_class: row.op, simulated_cycles: row.total_cycles, predicted_cycles: row.predicted_cycles, count: 1,
      network: section.network, layer: row.layer, error: row.error}));
  }

  const legend = (section, rows) => {
    const names = unique(rows.map(row => row.op_class)).sort();
    return {key: 'op_class', items: names.map(name => [name, name, colour.ofOperator(name)])};
  };

  report.chart({
    id: 'predicted',
    title: 'Predicted against simulated cycles',
    help: 'One dot per layer, or per group of layers of almost the same cycles. On the line the prediction is exact; above it, it is too slow. ' +
      'Both axes are logarithmic.',
    rows: pairs,
    columns: [
      ['layer', 'layer', format.text], ['network', 'network', format.text], ['op_class', 'operator class', format.text],
      ['simulated_cycles', 'simulated cycles', format.count], ['predicted_cycles', 'predicted cycles', format.count],
      ['error', 'error', format.error], ['count', 'layers in the dot', format.count],
    ],
    lead(section, rows) {
      const worst = rows.reduce((a, b) => Math.abs(a.error) >= Math.abs(b.error) ? a : b);
      const isWorst = section.model && !section.holdout;
      return `${isWorst ? `The ${rows.length} worst layers only. ` : ''}Largest error: ${format.error(worst.error)} for ${worst.layer} of ${worst.network}.`;
    },
    legend,
    draw(context) {
      const {rows, all} = context;
      const [low, high] = d3.extent(all.flatMap(row => [row.simulated_cycles, Math.max(1, row.predicted_cycles)]));
      const domain = [low / 1.3, high * 1.3];
      return report.plot(context, {
        height: 400,
        x: {...report.logAxis, domain, label: 'simulated cycles →', grid: true},
        y: {...report.logAxis, domain, label: '↑ predicted cycles', grid: true},
        color: {type: 'identity'},
        r: {type: 'identity'},
        marks: [
          Plot.line([[domain[0], domain[0]], [domain[1], domain[1]]], {strokeOpacity: 0.5}),
          Plot.dot(rows, {x: 'simulated_cycles', y: row => Math.max(1, row.predicted_cycles), r: row => (all.length < 300 ? 4 : 2.5) + Math.log10(row.count),
                          fill: row => colour.ofOperator(row.op_class), fillOpacity: 0.75, stroke: 'var(--card)', strokeWidth: 0.4,
                          sort: null, render: context.mark(rows)}),
        ],
      });
    },
  });

  const edges = [-0.5, -0.2, -0.1, -0.05, -0.02, -0.01, -0.005, -0.002, -0.001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];

  function bins(section) {
    let rows;
    if (section.holdout) {
      rows = rowsOf(section.holdout.bins).map(row => ({...row, bin: row.from === null ? 0 : edges.indexOf(row.from) + 1}));
    } else if (section.model) {
      return [];
    } else {
      rows = d3.rollups(pairs(section), of => of.length, row => row.op_class, row => d3.bisectRight(edges, row.error))
        .flatMap(([op_class, counts]) => counts.map(([bin, count]) => ({op_class, bin, count, from: edges[bin - 1] ?? null, to: edges[bin] ?? null})));
    }
    return rows.filter(row => row.count > 0).sort((a, b) => d3.ascending(a.op_class, b.op_class) || a.bin - b.bin);
  }

  const binLabel = bin => bin === 0 ? '< −50' : bin === edges.length ? '> 50'
    : `${trim(edges[bin - 1])} to ${trim(edges[bin])}`;
  const trim = edge => `${edge < 0 ? '−' : ''}${Number((100 * Math.abs(edge)).toPrecision(3))}`;

  report.chart({
    id: 'errors',
    title: 'Errors of the predictions',
    help: 'Number of layers by error in percent, stacked by operator class. The bins are logarithmic on both sides of 0; to the right, the prediction is too slow.',
    rows: bins,
    columns: [
      ['op_class', 'operator class', format.text], ['from', 'error from', format.error], ['to', 'to', format.error], ['count', 'layers', format.count],
    ],
    lead(section, rows) {
      const total = d3.sum(rows, row => row.count);
      const within = limit => d3.sum(rows.filter(row => row.from !== null && row.to !== null && row.from >= -limit && row.to <= limit), row => row.count) / total;
      return `${format.percent(within(0.01))} of ${format.count(total)} layers are within 1 %, ${format.percent(within(0.1))} within 10 %.`;
    },
    legend,
    draw(context) {
      const {rows, all, width} = context;
      const [low, high] = d3.extent(all, row => row.bin);
      const zero = edges.length / 2;
      const side = Math.max(zero - low, high - zero, 3);
      const used = d3.range(zero - side, zero + side + 1);
      return report.plot(context, {
        height: 400,
        marginBottom: 84,
        x: {domain: used, label: null, tickFormat: bin => `${binLabel(bin)} %`, tickRotate: -55, padding: 0.08},
        y: {label: '↑ layers', grid: true, tickFormat: format.short},
        color: {type: 'identity'},
        marks: [
          Plot.barY(rows, {x: 'bin', y: 'count', fill: row => colour.ofOperator(row.op_class), render: context.mark(rows)}),
          Plot.ruleY([0]),
        ],
      });
    },
  });

  report.chart({
    id: 'classes',
    title: 'Errors by operator class',
    help: 'On held-out networks: the dot is the mean absolute error, the bar ends at the error that 95 % of the layers keep to. The axis is logarithmic.',
    rows: section => !section.model ? [] : Object.entries(section.model.holdout.by_class).filter(([, row]) => row.n > 0)
      .map(([op_class, row]) => ({op_class, ...row})),
    columns: [
      ['op_class', 'operator class', format.text], ['n', 'layers', format.count], ['mape', 'mean', format.percent],
      ['median', 'median', format.percent], ['p95', '95 %', format.percent], ['max', 'largest', format.percent],
      ['bias', 'bias', format.error], ['within_5', 'within 5 %', format.percent], ['within_10', 'within 10 %', format.percent],
    ],
    draw(context) {
      const {rows} = context;
      const least = 1e-5;
      const at = value => Math.max(least, value);
      const sorted = [...rows].sort((a, b) => b.mape - a.mape);
      return report.plot(context, {
        height: 60 + 24 * rows.length,
        marginLeft: 116,
        x: {type: 'log', label: 'error →', grid: true, tickFormat: value => Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6) ? format.percent(value) : '',
            domain: [least, Math.max(0.02, 1.3 * d3.max(rows, row => Math.max(row.p95, row.mape)))]},
        y: {domain: sorted.map(row => row.op_class), label: null, tickSize: 0},
        marks: [
          Plot.barX(sorted, {x1: least, x2: row => at(row.p95), y: 'op_class', fill: 'var(--c4)', fillOpacity: 0.6, insetTop: 4, insetBottom: 4, render: context.mark(sorted)}),
          Plot.dot(sorted, {x: row => at(row.mape), y: 'op_class', r: 4.5, fill: 'var(--c0)', pointerEvents: 'none'}),
        ],
      });
    },
  });
})();
