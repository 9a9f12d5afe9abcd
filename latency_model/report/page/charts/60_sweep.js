// SPDX-License-Identifier: Apache-2.0
'use strict';

// The points of a sweep: any coordinate against the latency, in colours of another one.
(() => {
  const {format, colour, rowsOf, unique} = report;

  const figures = new Set(['status', 'network_hash', 'machine', 'schedule', 'num_layers', 'params', 'macs', 'effective_macs', 'total_cycles',
    'latency_ms', 'compute_cycles', 'setup_cycles', 'dispatch_cycles', 'stall_dram_cycles', 'stall_feature_cycles', 'stall_weight_cycles', 'stall_bias_cycles',
    'stall_write_cycles', 'dram_read_bytes', 'dram_read_feature_bytes', 'dram_read_weight_bytes', 'dram_read_bias_bytes', 'dram_write_bytes',
    'chip_read_bytes', 'chip_read_weight_bytes', 'chip_write_bytes', 'pe_utilization',
    'energy_mj', 'energy_mac_mj', 'energy_register_mj', 'energy_buffer_mj', 'energy_chip_mj', 'energy_interconnect_mj', 'energy_vector_mj',
    'energy_clock_mj', 'energy_leakage_mj', 'energy_dram_mj', 'tops_per_watt', 'inferences_per_joule', 'average_power_mw', 'peak_power_mw',
    'area_mm2', 'peak_chip_bytes', 'dram_footprint_bytes',
    'warnings', 'version', 'error']);
  const coordinates = section => Object.keys(section.points).filter(name => !figures.has(name));
  const varied = section => {
    const names = coordinates(section).filter(name => unique(section.points[name]).length > 1);
    return names.length > 0 ? names : coordinates(section).slice(0, 1);
  };
  const ok = section => rowsOf(section.points).filter(row => row.status === 'ok');
  const best = rows => d3.rollups(rows, of => d3.least(of, row => row.latency_ms), row => row.network).map(([, row]) => row);

  report.answers.push(section => {
    if (section.kind !== 'sweep') return '';
    const rows = ok(section);
    const failed = section.points.status.length - rows.length;
    if (rows.length === 0) return 'All points failed.';
    const texts = best(rows).slice(0, 4).map(row => `${row.network}: ${format.ms(row.latency_ms)} with ` +
      `${varied(section).filter(name => name !== 'network').map(name => `${name} ${row[name]}`).join(', ') || row.hardware}`);
    return `${rows.length} points${failed > 0 ? `, ${failed} failed` : ''}. Fastest of ${texts.join('; ')}.`;
  });

  report.chart({
    id: 'sweep',
    title: 'Points of the sweep',
    help: 'One dot per point, lower is faster; a ring marks the fastest point of each network. Lines join points that differ in the horizontal value only. ' +
      'The latency axis is logarithmic.',
    wide: true,
    rows(section) {
      if (section.kind !== 'sweep') return [];
      const names = varied(section);
      return ok(section).map(row => ({...row, dram_bytes: row.dram_read_bytes + row.dram_write_bytes,
                                      coordinates: names.map(name => `${name} ${row[name]}`).join(', ')}));
    },
    columns: [
      ['coordinates', 'point', format.text], ['hardware', 'machine', format.text], ['network', 'network', format.text],
      ['latency_ms', 'latency', format.ms], ['total_cycles', 'cycles', format.count], ['pe_utilization', 'PE utilization', format.percent],
      ['dram_bytes', 'DRAM traffic', format.bytes], ['stall_dram_cycles', 'DRAM stalls', format.count],
    ],
    controls(section) {
      const names = varied(section);
      const numeric = names.find(name => section.points[name].every(value => typeof value === 'number'));
      const rank = [numeric, ...names.filter(name => name !== numeric)].filter(Boolean);
      const all = names.map(name => [name, name]);
      const list = [{key: 'x', label: 'Horizontal:', options: all, value: rank[0]}];
      if (names.length > 1) list.push({key: 'colour', label: 'Colour:', options: all, value: rank[1]});
      return list;
    },
    draw(context) {
      const {rows, section, state} = context;
      const by = state.colour ?? state.x;
      const values = unique(section.points[by]);
      const colours = colour.of(values);
      const isNumeric = section.points[state.x].every(value => typeof value === 'number');
      const others = varied(section).filter(name => name !== state.x);
      const group = row => others.map(name => row[name]).join('|');
      const domain = unique(section.points[state.x]);
      if (isNumeric) domain.sort(d3.ascending);
      const fastest = best(rows);
      const lineEnds = d3.rollups(rows, of => d3.greatest(of, row => domain.indexOf(row[state.x])), group).map(([, row]) => row);
      // Lines are labelled by what their colour leaves open, or by their colour.
      const labels = others.length > 1 ? others.filter(name => name !== by) : others;
      const label = row => report.shortened(labels.map(name => row[name]).join(', '), 18);
      const isFew = labels.length > 0 && lineEnds.length <= 12 && context.width > 560;
      return report.plot(context, {
        height: 420,
        marginBottom: isNumeric ? 40 : 70,
        marginRight: isFew ? 122 : 20,
        x: {type: 'point', domain, label: isNumeric ? `${state.x} →` : null, padding: 0.4, ...(isNumeric ? {} : {tickRotate: -35, tickFormat: name => report.shortened(name, 18)})},
        y: {type: 'log', label: '↑ latency (ms)', grid: true, ticks: 6, tickFormat: format.short, inset: 12},
        color: {type: 'identity'},
        marks: [
          Plot.line(rows, {x: state.x, y: 'latency_ms', z: group, stroke: row => colours.get(row[by]), strokeOpacity: 0.5, sort: row => domain.indexOf(row[state.x])}),
          Plot.dot(rows, {x: state.x, y: 'latency_ms', r: 4.5, fill: row => colours.get(row[by]), stroke: 'var(--card)', strokeWidth: 0.6, render: context.mark(rows)}),
          Plot.dot(fastest, {x: state.x, y: 'latency_ms', r: 8, stroke: 'currentColor', strokeWidth: 1.8, pointerEvents: 'none'}),
          isFew ? Plot.text(lineEnds, {x: state.x, y: 'latency_ms', text: label, dx: 12, textAnchor: 'start',
                                  fill: row => colours.get(row[by])}) : null,
        ],
      });
    },
    legend(section, rows, state) {
      const key = state.colour;
      if (key === undefined) return null;
      const values = unique(rows.map(row => row[key]));
      const colours = colour.of(unique(section.points[key]));
      return {key, items: values.map(value => [value, typeof value === 'number' ? `${key} ${value}` : value, colours.get(value)])};
    },
  });
})();
