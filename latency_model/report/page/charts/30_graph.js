// SPDX-License-Identifier: Apache-2.0
'use strict';

// The network as a graph: one box per layer, coloured by what bounds it. Levels are longest paths
// from the input; they fill columns from top to bottom, as text does.
(() => {
  const {format, colour, shortened, svg, unique} = report;
  const boxHeight = 20;
  const rowHeight = 29;
  const laneWidth = 132;

  // Adds `level` (distance from the input) and `lane` (0: where the level has one layer only).
  function layout(rows) {
    const byName = new Map(rows.map(row => [row.layer, row]));
    const nodes = new Map();
    const visit = row => {
      if (nodes.has(row)) return nodes.get(row);
      const node = {row, sources: row.inputs.split(';').map(name => byName.get(name)).filter(Boolean), level: 0, lane: 0};
      nodes.set(row, node);
      return node;
    };
    const ordered = [...rows].sort((a, b) => a.index - b.index).map(visit);  // inputs come first in a network
    for (const node of ordered) {
      node.level = node.sources.length === 0 ? 0 : 1 + d3.max(node.sources, row => nodes.get(row)?.level ?? 0);
    }
    for (const [, level] of d3.group(ordered, node => node.level)) {
      const center = node => d3.mean(node.sources, row => nodes.get(row).lane) ?? 0;
      level.sort((a, b) => center(a) - center(b) || a.row.index - b.row.index).forEach((node, i) => { node.lane = i; });
    }
    return {nodes, ordered};
  }

  report.chart({
    id: 'graph',
    title: 'The network and what bounds each layer',
    help: 'One box per layer from input to output, top to bottom, then the next column. The bar in a box is its share of the ' +
      'cycles, relative to the slowest layer. Fused layers run inside another one.',
    wide: true,
    rows: section => section.layerRows,
    columns: [
      ['layer', 'layer', format.text], ['op', 'operator', format.text], ['shape', 'output', format.text],
      ['window', 'window', format.text], ['bound', 'bound by', format.text], ['total_cycles', 'cycles', format.count],
      ['share', 'share', format.percent], ['inputs', 'inputs', format.text], ['fused_into', 'fused into', value => value || '–'],
    ],
    lead(section, rows) {
      for (const row of rows) {
        row.shape = `${row.oc}×${row.oh}×${row.ow}`;
        row.window = `${row.kernel}${String(row.stride) !== '1' ? `/${row.stride}` : ''}${row.groups > 1 ? ` in ${row.groups} groups` : ''}`;
      }
      const total = d3.sum(rows, row => row.total_cycles);
      return d3.rollups(rows.filter(row => row.total_cycles > 0), of => [of.length, d3.sum(of, row => row.total_cycles)], row => row.bound)
        .sort((a, b) => b[1][1] - a[1][1])
        .map(([bound, [count, cycles]]) => `${count} layers are bound by ${bound} (${format.percent(cycles / total)} of cycles)`).join(', ') + '.';
    },
    legend: (section, rows) => ({key: 'bound', items: Object.entries(colour.bound)
      .filter(([bound]) => rows.some(row => row.bound === bound)).map(([bound, fill]) => [bound, bound, fill])}),
    draw(context) {
      const {all, width} = context;
      const {nodes, ordered} = layout(all);
      const lanes = 1 + d3.max(ordered, node => node.lane);
      const levels = 1 + d3.max(ordered, node => node.level);
      const columnWidth = lanes * laneWidth + 26;
      const columns = Math.max(1, Math.min(Math.floor((width + 20) / columnWidth), Math.ceil(levels / 8)));
      const perColumn = Math.ceil(levels / columns);
      const x = node => Math.floor(node.level / perColumn) * columnWidth + node.lane * laneWidth;
      const y = node => 6 + (node.level % perColumn) * rowHeight;
      const most = d3.max(all, row => row.total_cycles) || 1;
      const total = Math.max(columns * columnWidth - 20, 100);
      const root = svg('svg', {width: total, height: perColumn * rowHeight + 14, viewBox: `0 0 ${total} ${perColumn * rowHeight + 14}`, class: 'plain', 'font-size': 10});
      const boxWidth = laneWidth - 12;
      for (const node of ordered) {
        for (const source of node.sources) {
          const from = nodes.get(source);
          const [x1, y1, x2, y2] = [x(from) + boxWidth / 2, y(from) + boxHeight, x(node) + boxWidth / 2, y(node)];
          const isLong = node.level - from.level > 1 && Math.floor(node.level / perColumn) === Math.floor(from.level / perColumn);
          // A connection that skips levels runs beside the boxes.
          const side = Math.max(x1, x2) + boxWidth / 2 + 7;
          const path = y2 < y1 ? `M${x1},${y1} v5 H${x2 - boxWidth / 2 - 9} V${y2 - 6} H${x2} V${y2}`
            : isLong && node.lane === from.lane ? `M${x1 + boxWidth / 2},${y1 - boxHeight / 2} H${side} V${y2 - 4.5} H${x2} V${y2}`
            : `M${x1},${y1} V${y2 - 4.5} H${x2} V${y2}`;
          root.append(svg('path', {d: path, fill: 'none', stroke: 'var(--soft)', 'stroke-width': 1, opacity: 0.7}));
        }
      }
      for (const node of ordered) {
        const {row} = node;
        const group = svg('g', {transform: `translate(${x(node)},${y(node)})`, opacity: context.shown(row.bound) ? 1 : 0.15});
        const fill = colour.bound[row.bound];
        group.append(
          svg('rect', {width: boxWidth, height: boxHeight, rx: 3, fill: 'var(--card)', stroke: fill, 'stroke-width': 1.5}),
          svg('rect', {width: boxWidth * row.total_cycles / most, height: boxHeight, rx: 3, fill, opacity: 0.45}));
        const text = svg('text', {x: 5, y: 13.5});
        text.textContent = shortened(row.layer, 20);
        group.append(text);
        if (context.shown(row.bound)) context.connect(group, row);
        root.append(group);
      }
      return root;
    },
  });
})();
