// SPDX-License-Identifier: Apache-2.0
'use strict';

// Roofline: MACs per cycle against MACs per byte of DRAM traffic, one dot per layer.
(() => {
  const {format, colour, unique} = report;

  report.chart({
    id: 'roofline',
    title: 'Roofline',
    help: 'One dot per layer with MACs and DRAM traffic; its area is the share of the cycles. A dot on the roof uses all that the machine ' +
      'has: left of the ridge the DRAM limits, right of it the PE array. MACs with padding are not counted. Source: Williams et al., CACM 52(4), 2009.',
    rows: section => section.machine?.peak_macs_per_cycle === undefined ? [] :
      section.layerRows.filter(row => row.effective_macs > 0 && row.total_cycles > 0 && row.dram_bytes > 0).map(row => ({
        ...row, intensity: row.effective_macs / row.dram_bytes, rate: row.effective_macs / row.total_cycles})),
    columns: [
      ['layer', 'layer', format.text], ['op', 'operator', format.text], ['bound', 'bound by', format.text],
      ['intensity', 'MACs per byte', format.decimal], ['rate', 'MACs per cycle', format.decimal],
      ['roof', 'share of the roof', format.percent], ['share', 'share of cycles', format.percent],
    ],
    lead(section, rows) {
      const {peak_macs_per_cycle: peak, peak_bytes_per_cycle: bandwidth} = section.machine;
      for (const row of rows) row.roof = row.rate / Math.min(peak, bandwidth ? bandwidth * row.intensity : peak);
      const low = rows.filter(row => row.roof < 0.5);
      return low.length === 0 ? 'All layers reach half of the roof.' :
        `${low.length} of ${rows.length} layers are below half of the roof; they take ${format.percent(d3.sum(low, row => row.share))} of the cycles.`;
    },
    legend: (section, rows) => {
      const names = unique(rows.map(row => row.op));
      return {key: 'op', items: names.map(name => [name, name, colour.ofOperator(name)])};
    },
    draw(context) {
      const {rows, all, section} = context;
      const {peak_macs_per_cycle: peak, peak_bytes_per_cycle: bandwidth} = section.machine;
      const ridge = bandwidth ? peak / bandwidth : null;
      const [low, high] = d3.extent([...all.map(row => row.intensity), ...(ridge ? [ridge] : [])]);
      const x1 = low / 1.6;
      const x2 = high * 1.6;
      const y1 = d3.min(all, row => row.rate) / 1.6;
      const roof = ridge ? [[x1, x1 * bandwidth], [ridge, peak], [x2, peak]] : [[x1, peak], [x2, peak]];
      return report.plot(context, {
        height: 380,
        marginRight: 16,
        x: {...report.logAxis, domain: [x1, x2], label: 'MACs per byte of DRAM traffic →', grid: true},
        y: {...report.logAxis, domain: [Math.min(y1, x1 * (bandwidth ?? Infinity)), peak * 4], label: '↑ MACs per cycle', grid: true},
        r: {range: [2.5, 14], domain: [0, d3.max(all, row => row.share)]},
        marks: [
          Plot.line(roof, {strokeWidth: 2, clip: true}),
          ridge ? Plot.text([[ridge, peak]], {text: () => `peak ${format.count(peak)} MACs per cycle`, dy: -30, textAnchor: ridge > Math.sqrt(x1 * x2) ? 'end' : 'start'}) : null,
          Plot.dot(rows, {x: 'intensity', y: 'rate', r: 'share', fill: row => colour.ofOperator(row.op), fillOpacity: 0.8,
                          stroke: 'var(--card)', strokeWidth: 0.7, render: context.mark(rows)}),
        ],
        color: {type: 'identity'},
      });
    },
  });
})();
