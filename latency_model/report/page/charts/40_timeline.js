// SPDX-License-Identifier: Apache-2.0
'use strict';

// What every unit did during one layer, and the DRAM over the whole run; from timeline.json.
(() => {
  const {format, colour, shortened, unique} = report;

  const colours = {compute: 'var(--compute)', setup: 'var(--setup)', dispatch: 'var(--dispatch)', features: 'var(--features)', weights: 'var(--weights)',
                   bias: 'var(--bias)', write: 'var(--write)', store: 'var(--write)'};
  const kindOf = name => name.replace('stall: ', '');  // waiting for data has the colour of the data
  const colourOf = name => colours[kindOf(name)] ?? 'var(--c4)';
  const partColours = ['var(--dram)', 'var(--write)', 'var(--c0)', 'var(--c3)'];
  const hasTimeline = section => section.timeline && typeof section.timeline === 'object';

  report.hints.push(section => section.kind !== 'simulation' || hasTimeline(section) ? null :
    typeof section.timeline === 'string' ? `No chart of the units over time: ${section.timeline}.` :
    'For a chart of the units over time and of the DRAM bandwidth, repeat the simulation with --timeline.');

  // The slices that overlap [begin, end). Slices of a layer with a gap of less than `gap` are one.
  function slices(section, begin, end, gap) {
    const {rows, layers} = section.timeline;
    return rows.flatMap(({track, name, slices: flat}) => {
      const found = [];
      let at = 0;
      for (let i = 0; i < flat.length; i += 3) {
        at += flat[i];
        if (at >= end) break;
        if (at + flat[i + 1] <= begin) continue;
        const before = found[found.length - 1];
        if (before && before.index === flat[i + 2] && at - before.begin - before.cycles < gap) {
          before.cycles = Math.max(before.cycles, at + flat[i + 1] - before.begin);
          continue;
        }
        found.push({index: flat[i + 2], track, name, begin: at, cycles: flat[i + 1],
                    layer: flat[i + 2] < 0 ? '' : layers[flat[i + 2]][0]});
      }
      return found;
    });
  }

  report.chart({
    id: 'gantt',
    title: 'What the units did during a layer',
    help: 'One line per unit, time from left to right; the dashed lines are the begin and the end of the layer. Pale slices belong ' +
      'to another layer, as weights that are loaded ahead do. On the PE array, all but computation is lost time. Slices that are closer than a pixel are drawn as one.',
    wide: true,
    rows: section => !hasTimeline(section) ? [] :
      section.timeline.layers.map(([layer, begin, end]) => ({layer, begin, cycles: end - begin})),
    columns: [
      ['track', 'unit', format.text], ['name', 'what', format.text], ['layer', 'layer', format.text],
      ['begin', 'begin (cycle)', format.count], ['cycles', 'cycles', format.count],
    ],
    name: row => `${row.track}: ${row.name}`,
    legend(section) {
      const kinds = unique(section.timeline.rows.map(row => kindOf(row.name)));
      return {parts: true, items: kinds.map(kind => [kind, kind, colourOf(kind)])};
    },
    controls: (section, rows) => {
      const order = rows.map((row, i) => i).sort((a, b) => rows[b].cycles - rows[a].cycles);
      const busy = section.timeline.rows.reduce((sum, row) => sum + row.slices.length / 3, 0) / rows.length;
      return [{key: 'layer', label: 'Layer, slowest first:', options: order.map(i => [i, `${rows[i].layer} (${format.count(rows[i].cycles)} cycles)`])},
              {key: 'part', label: 'Show', options: [[1, 'the whole layer'], [0.1, 'its first tenth'], [0.01, 'its first hundredth']],
               value: busy > 400 ? 0.1 : 1}];
    },
    draw(context) {
      const {section, all, state} = context;
      const layer = all[state.layer];
      const length = layer.cycles * state.part;
      const margin = Math.max(1, 0.04 * length);
      const [begin, end] = [Math.max(0, layer.begin - margin), layer.begin + length + margin];
      const rows = slices(section, begin, end, (end - begin) / context.width).filter(row => context.shown(kindOf(row.name)));
      context.table = rows;
      const tracks = unique(rows.map(row => row.track));
      return report.plot(context, {
        height: 46 + 20 * tracks.length,
        marginLeft: 96,
        marginBottom: 34,
        marginTop: 8,
        x: {domain: [begin - layer.begin, end - layer.begin], label: 'cycles since the begin of the layer →', tickFormat: format.short, ticks: Math.floor(context.width / 120), grid: true},
        y: {domain: tracks, label: null, padding: 0.2, tickSize: 0},
        color: {type: 'identity'},
        marks: [
          Plot.barX(rows, {x1: row => Math.max(begin, row.begin) - layer.begin, x2: row => Math.min(end, row.begin + row.cycles) - layer.begin, y: 'track',
                           fill: row => colourOf(row.name), fillOpacity: row => row.layer === layer.layer ? 1 : 0.35,
                           insetRight: 0,
                           render: context.mark(rows)}),
          Plot.ruleX([0, layer.cycles].filter(cycle => cycle <= end - layer.begin), {strokeDasharray: '4,3'}),
        ],
      });
    },
  });

  // A counter of several parts, as reads and writes, is stacked. `read_gbs`: read, in GB/s.
  const units = {gbs: 'GB/s', bytes: 'bytes'};
  const unitOf = part => units[part.split('_').pop()];
  const partName = part => part.replace(/_?gbs$/, '') || part;

  report.chart({
    id: 'bandwidth',
    title: 'DRAM and buffers over the run',
    maxRows: 100 * 400,  // counters x intervals; one counter is drawn
    help: 'The mean in up to 400 equal intervals of the run, above the layers that run at the time (alternately shaded). The dashed line is the peak of ' +
      'the DRAM; transfers that take no time in the model of the memory exceed it, and are cut off.',
    wide: true,
    rows: section => !hasTimeline(section) ? [] : section.timeline.series.flatMap(series => series.values.map((value, i) => ({
      series: series.name, part: series.part, begin: i * series.bin_cycles, cycles: series.bin_cycles, value}))),
    columns: [
      ['begin', 'from cycle', format.count], ['cycles', 'cycles', format.count], ['series', 'counter', format.text], ['part', 'part', format.text],
      ['value', 'mean', format.decimal],
    ],
    name: row => `${row.series}, ${row.part}`,
    controls(section) {
      const names = unique(section.timeline.series.map(series => series.name));
      return names.length < 2 ? [] : [{key: 'series', label: 'Counter:', options: names.map(name => [name, name]),
                                       value: names.find(name => name.includes('bandwidth')) ?? names.find(name => name.includes('DRAM'))}];
    },
    legend(section, rows, state) {
      const series = state.series ?? rows[0].series;
      const parts = unique(rows.filter(row => row.series === series).map(row => row.part));
      return {key: 'part', items: parts.map((part, i) => [part, partName(part), partColours[i % partColours.length]])};
    },
    lead: (section, rows) => {
      const busy = rows.filter(row => row.part === 'busy share');
      return busy.length === 0 ? '' : `The DRAM data bus is busy ${format.percent(d3.mean(busy, row => row.value))} of the time.`;
    },
    draw(context) {
      const {section, all, state} = context;
      const series = state.series ?? all[0].series;
      const parts = unique(all.filter(row => row.series === series).map(row => row.part));
      const rows = context.rows.filter(row => row.series === series);
      context.table = rows;
      const layers = section.timeline.layers;
      const end = d3.max(layers, layer => layer[2]);
      const isShare = parts[0].endsWith('share');
      const unit = isShare ? 'busy share' : unitOf(parts[0]);
      const {peak_bytes_per_cycle: bandwidth, clock_mhz: clock} = section.machine;
      const peak = unit === units.gbs && bandwidth ? bandwidth * clock / 1000 : null;
      const highest = d3.max(d3.rollup(rows, of => d3.sum(of, row => row.value), row => row.begin).values()) ?? 0;
      const domain = isShare ? [0, 1] : peak ? [0, Math.min(Math.max(highest, 1.05 * peak), 1.5 * peak)] : undefined;
      return report.plot(context, {
        height: 220,
        marginTop: 22,
        x: {domain: [0, end], label: 'cycle →', tickFormat: format.short, ticks: Math.floor(context.width / 120)},
        y: {label: `↑ ${series}${unit ? ` (${unit})` : ''}`, grid: true, tickFormat: isShare ? format.percent : format.short, zero: true, clamp: true, domain},
        color: {type: 'identity'},
        marks: [
          Plot.rectX(layers.filter((layer, i) => i % 2), {x1: layer => layer[1], x2: layer => layer[2], fill: 'currentColor', fillOpacity: 0.06}),
          Plot.rectY(rows, Plot.stackY({x1: 'begin', x2: row => Math.min(end, row.begin + row.cycles), y: 'value',
                                        fill: row => partColours[parts.indexOf(row.part) % partColours.length], inset: 0,
                                        render: context.mark(rows)})),
          peak ? Plot.ruleY([peak], {strokeDasharray: '5,4'}) : null,
          peak ? Plot.text([peak], {y: d => d, frameAnchor: 'right', text: d => `peak ${format.decimal(d)} GB/s`, dy: -7, textAnchor: 'end'}) : null,
          Plot.ruleY([0]),
        ],
      });
    },
  });
})();
