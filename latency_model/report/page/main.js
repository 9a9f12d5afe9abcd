// SPDX-License-Identifier: Apache-2.0
'use strict';

// Builds the page from the data block: one section per result, with every chart that has rows.
(() => {
  const {attempt, element, format, rowsOf} = report;
  const data = JSON.parse(document.getElementById('data').textContent);
  const page = document.getElementById('report');
  const frames = [];
  const started = performance.now();

  const kinds = {
    simulation: 'Simulation', sweep: 'Sweep', exploration: 'Exploration', calibration: 'Calibration', search: 'Search', target: 'Search, one limit',
    comparison: 'Comparison of methods', space: 'Search space', overview: 'All simulations', fit: 'Measured latencies',
  };

  // Derived once: the rows of layers.csv as objects.
  function prepare(section, index) {
    section.index = index;
    section.layerRows = rowsOf(section.layers);
    const cycles = d3.sum(section.layerRows, row => row.total_cycles);
    for (const row of section.layerRows) {
      row.dram_bytes = row.dram_read_bytes + row.dram_write_bytes;
      row.share = row.total_cycles / (cycles || 1);
      if (row.predicted_cycles !== undefined && row.total_cycles > 0) row.error = row.predicted_cycles / row.total_cycles - 1;
    }
    return section;
  }

  function title(section) {
    const network = section.network ?? section.summary?.network;
    const machine = section.machine?.name;
    if (section.kind === 'overview') return kinds.overview;
    if (section.kind === 'simulation') return `${network} on ${machine}`;
    if (section.kind === 'fit') return `${section.fit_rows.machine?.[0]} against measured latencies`;
    if (section.kind === 'calibration') return `Latency model of ${machine}`;
    if (section.kind === 'search') return `Search for ${machine} by ${section.run?.method ?? 'an unknown method'}`;
    if (section.kind === 'target') return `Network for ${format.limit(section.summary)} on ${machine}`;
    return `${kinds[section.kind]} in ${section.path}`;
  }

  function facts(section) {
    const run = section.run ?? {};
    const machine = section.machine;
    const list = [
      ['Command', Array.isArray(run.command) ? run.command.join(' ') : null],
      ['Directory', section.path],
      ['Version', run.version ?? section.model?.version],
      ['Machine', machine ? section.kind === 'calibration' ? machine.name : `${machine.name} (${machine.file})` : null],
      ['Model', section.kind === 'calibration' ? machine.file : null],
      ['Clock', machine ? `${format.decimal(machine.clock_mhz)} MHz` : null],
      ['Peak', machine ? `${format.count(machine.peak_macs_per_cycle)} MACs per cycle` +
        (machine.peak_bytes_per_cycle ? `, DRAM ${format.decimal(machine.peak_bytes_per_cycle)} bytes per cycle` : '') : null],
      ['Network', run.network?.file ? `${run.network.name} (${run.network.file})` : section.network],
      ['Written', run.written],
      ['Duration', run.wall_seconds === undefined ? null : `${format.decimal(run.wall_seconds)} s`],
    ].filter(([, value]) => value !== null && value !== undefined);
    return element('dl', {class: 'facts'}, ...list.map(([name, value]) =>
      element('div', {}, element('dt', {}, name), element('dd', {}, String(value)))));
  }

  // The answer first: what the result is, and what it is due to.
  function answer(section) {
    const parts = report.answers.map(of => of(section)).filter(Boolean);
    return parts.length > 0 ? element('p', {class: 'answer'}, parts.join(' ')) : null;
  }

  function sectionNode(section) {
    const node = element('section', {id: `section-${section.index}`, 'data-kind': section.kind},
      section.kind === 'overview' ? null : element('p', {class: 'kind'}, kinds[section.kind]),
      element('h2', {}, title(section)));
    node.append(attempt('The summary', () => answer(section)) ?? '');
    if (section.path) node.append(attempt('The facts', () => facts(section)));
    for (const warning of section.summary?.warnings ?? []) node.append(element('p', {class: 'warning'}, warning));
    const figures = element('div', {class: 'figures'});
    const isFirst = definition => (definition.first ?? []).includes(section.kind);
    for (const definition of d3.sort(report.charts, definition => isFirst(definition) ? 0 : 1)) {
      figures.append(attempt(`The chart "${definition.title}"`, () => {
        const rows = definition.rows(section);
        if (!rows || rows.length === 0) return '';
        const frame = new report.Frame(definition, section, rows);
        frames.push(frame);
        return frame.node;
      }));
    }
    for (const hint of report.hints.map(of => of(section)).filter(Boolean)) {
      figures.append(element('p', {class: 'hint'}, hint));
    }
    node.append(figures);
    return node;
  }

  const sections = data.sections.map(prepare);
  const simulations = sections.filter(section => section.kind === 'simulation' && section.summary);
  if (simulations.length > 1) {
    sections.unshift(prepare({kind: 'overview', simulations, run: {}}, 'all'));
  }
  page.append(element('header', {},
    element('h1', {}, 'Tilewake report'),
    element('p', {}, `Written by tilewake ${data.version}. Hover or use Tab and the arrow keys to see figures; ` +
      'click on a legend item to show it alone.'),
    sections.length < 2 ? null : element('nav', {'aria-label': 'Sections'}, ...sections.map(section =>
      element('a', {href: `#section-${section.index}`}, title(section))))));
  for (const section of sections) page.append(sectionNode(section));
  document.body.append(report.tooltip);

  const drawAll = () => frames.forEach(frame => frame.draw());
  drawAll();
  document.documentElement.dataset.drawMs = (performance.now() - started).toFixed(1);

  let width = document.documentElement.clientWidth;
  let timer = null;
  window.addEventListener('resize', () => {
    if (document.documentElement.clientWidth === width) return;
    width = document.documentElement.clientWidth;
    clearTimeout(timer);
    timer = setTimeout(drawAll, 100);
  });
})();
