// SPDX-License-Identifier: Apache-2.0
'use strict';

// The network that was found, block by block: kernels, expansion ratios, channels.
(() => {
  const {format, svg, unique} = report;

  const listOf = value => value === null || value === undefined ? [] : Array.isArray(value) ? value : [value];
  const kernelColour = kernel => ({1: 'var(--c6)', 3: 'var(--c4)', 5: 'var(--c0)', 7: 'var(--c5)'})[kernel] ?? 'var(--c3)';

  function blocks(section) {
    const cycles = d3.rollup(section.layerRows, of => d3.sum(of, row => row.total_cycles), row => row.block || row.layer);
    return (section.architecture?.layers ?? []).map(layer => {
      const kernels = listOf(layer.kernels ?? layer.kernel);
      const ratios = listOf(layer.expansion_ratios);
      return {
        name: layer.name, op: layer.op, channels: layer.out_channels, stride: layer.stride ?? 1, kernels, ratios,
        kernel_text: kernels.map(kernel => `${kernel}×${kernel}`).join(' + '), ratio_text: ratios.join(' + '),
        se: layer.se_ratio ? `squeeze-and-excitation ${layer.se_ratio}` : null, activation: layer.activation,
        cycles: cycles.get(layer.name), stage: String(layer.name).split('.')[0],
      };
    });
  }

  report.chart({
    id: 'winner',
    first: ['search', 'target'],
    title: 'The network, block by block',
    help: 'One card per block from input to output; the grey bar and its figure are the output channels. A coloured bar is a kernel of a mixed convolution, ' +
      'its length the expansion ratio; ↓2 halves the resolution; SE is squeeze-and-excitation.',
    wide: true,
    rows: blocks,
    columns: [
      ['name', 'block', format.text], ['op', 'operator', format.text], ['kernel_text', 'kernels', format.text], ['ratio_text', 'expansion ratios', format.text],
      ['channels', 'output channels', format.count], ['stride', 'stride', format.count], ['se', 'extras', format.text], ['activation', 'activation', format.text],
      ['cycles', 'cycles', format.count],
    ],
    lead(section, rows) {
      const {input} = section.architecture;
      const widest = d3.greatest(rows, row => row.channels);
      const slowest = d3.greatest(rows, row => row.cycles);
      return `Input ${input.channels}×${input.height}×${input.width}, ${rows.length} blocks, up to ${widest.channels} channels` +
        `${slowest?.cycles ? `; the slowest block is ${slowest.name} (${format.count(slowest.cycles)} cycles)` : ''}.`;
    },
    draw(context) {
      const {rows} = context;
      const cardWidth = 82;
      const gap = 8;
      const perLine = Math.max(1, Math.floor((context.width + gap) / (cardWidth + gap)));
      const most = d3.max(rows, row => row.channels) || 1;
      const maxRatio = d3.max(rows.flatMap(row => row.ratios)) || 1;
      const maxKernels = d3.max(rows, row => row.kernels.length) || 1;
      const plotHeight = 96;
      const lineHeight = plotHeight + 36 + 16 * maxKernels + 16;
      const lines = Math.ceil(rows.length / perLine);
      const width = Math.min(rows.length, perLine) * (cardWidth + gap);
      const root = svg('svg', {width, height: lines * lineHeight, viewBox: `0 0 ${width} ${lines * lineHeight}`, class: 'plain', 'font-size': 10.5});
      const label = (group, x, y, content, attributes = {}) => {
        const node = svg('text', {x, y, ...attributes});
        node.textContent = content;
        group.append(node);
      };
      rows.forEach((row, i) => {
        const group = svg('g', {transform: `translate(${(i % perLine) * (cardWidth + gap)},${Math.floor(i / perLine) * lineHeight + 2})`});
        const height = row.channels ? Math.max(3, (plotHeight - 18) * row.channels / most) : 3;
        group.append(svg('rect', {width: cardWidth, height: lineHeight - 14, rx: 4, fill: 'var(--page)', stroke: 'var(--line)'}));
        group.append(svg('rect', {x: 10, y: plotHeight - height, width: cardWidth - 20, height, fill: 'var(--c6)', opacity: 0.55}));
        if (row.channels) label(group, cardWidth / 2, plotHeight - height - 4, row.channels, {'text-anchor': 'middle'});
        label(group, cardWidth / 2, plotHeight + 14, report.shortened(row.name, 12), {'text-anchor': 'middle', 'font-weight': 600});
        if (row.kernels.length === 0) label(group, cardWidth / 2, plotHeight + 29, report.shortened(row.op.replace(/_/g, ' '), 17), {'text-anchor': 'middle', 'font-size': 9});
        row.kernels.forEach((kernel, k) => {
          const ratio = row.ratios[k] ?? row.ratios[0] ?? maxRatio;
          const y = plotHeight + 20 + 16 * k;
          group.append(svg('rect', {x: 30, y: y + 1, width: Math.max(4, (cardWidth - 38) * ratio / maxRatio), height: 11, rx: 2, fill: kernelColour(kernel)}));
          label(group, 26, y + 10, `${kernel}×${kernel}`, {'text-anchor': 'end', 'font-size': 9.5});
          if (row.ratios[k] !== undefined) label(group, 33, y + 10, `${row.ratios[k]}`, {'font-size': 9, style: `fill:${kernel === 3 ? '#000' : '#fff'};font-weight:600`});
        });
        if (row.cycles) label(group, cardWidth / 2, lineHeight - 19, `${format.short(row.cycles)} cycles`, {'text-anchor': 'middle', 'font-size': 9, opacity: 0.8});
        if (row.stride > 1) label(group, 4, 12, `↓${row.stride}`);
        if (row.se) label(group, cardWidth - 4, 12, 'SE', {'text-anchor': 'end'});
        context.connect(group, row);
        root.append(group);
      });
      return root;
    },
  });
})();
