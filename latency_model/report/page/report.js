// SPDX-License-Identifier: Apache-2.0
'use strict';

// What all charts share: the registry, formats, colours, the frame of a chart with legend, tooltip,
// keyboard and table. A chart is one file in charts/ that calls report.chart({...}):
//
//   id       unique; names the figure
//   title    of the figure
//   help     one or two sentences: how to read the chart
//   rows     (section) => array of objects, one per mark; empty or null: no figure
//   columns  of the table: [key, label, format]
//   lead     (section, rows) => the answer in one sentence; optional
//   legend   (section, rows, state) => {key, items: [[value, label, colour]]}: a click on an item shows or
//            hides the rows whose `key` is `value`; optional. With `parts: true` the items are
//            columns of the rows instead.
//   controls (section, rows) => [{key, label, options: [[value, label]]}]: selections; optional
//   draw     (context) => an SVG or HTML element. context: section, rows (those shown), all (every
//            row), width, state (values of the controls), shown (value => boolean), mark
//   name     (row) => first line of the tooltip
//   wide     true: the whole width of the page
//   maxRows  more rows are not drawn; by default kMaxRows
//   first    kinds of sections in which the chart precedes those of other files; optional
//
// In draw, context.mark(rows) is a Plot render transform that connects the marks to their rows; for
// own SVG, context.connect(element, row).
const report = (() => {
  const charts = [];
  const kMaxRows = 10000;  // of a chart and of a table: more take a browser many seconds

  // ---- Formats. ----
  const integer = new Intl.NumberFormat('en-US', {maximumFractionDigits: 0});
  const missing = '–';
  const isMissing = value => value === null || value === undefined || Number.isNaN(value);
  const text = value => isMissing(value) ? missing : String(value);
  // Files can hold a text where a number is expected: it is shown as it is.
  const number = as => value => typeof value === 'number' && !Number.isNaN(value) ? as(value) : text(value);
  const format = {
    text,
    count: number(value => integer.format(value)),
    decimal: number(value => trimmed(value)),
    percent: number(value => `${trimmed(100 * value, 3)}\u00a0%`),
    error: number(value => `${value > 0 ? '+' : ''}${trimmed(100 * value, 3)}\u00a0%`),
    ms: number(value => `${trimmed(value)}\u00a0ms`),
    mj: number(value => `${trimmed(value)}\u00a0mJ`),
    limit: row => [[row?.target_ms, format.ms], [row?.target_mj, format.mj]].filter(([value]) => value)
      .map(([value, text]) => text(value)).join(', '),
    bytes: number(value => value < 1e3 ? `${integer.format(value)} B`
      : value < 1e6 ? `${trimmed(value / 1e3, 3)} kB` : value < 1e9 ? `${trimmed(value / 1e6, 3)} MB`
      : `${trimmed(value / 1e9, 3)} GB`),
    short: number(value => value === 0 ? '0'
      : Math.abs(value) < 1000 ? trimmed(value, 3) : d3.format('.3~s')(value).replace('G', ' G').replace('M', ' M').replace('k', ' k')),
  };

  // Four significant digits without trailing zeros.
  function trimmed(value, digits = 4) {
    if (value === 0) return '0';
    if (Math.abs(value) >= 1e4) return integer.format(value);
    return String(Number(value.toPrecision(digits)));
  }

  // Long names keep their begin and their end: stage4.1...depthwise0.
  function shortened(name, length = 22) {
    const text = String(name);
    if (text.length <= length) return text;
    const head = Math.ceil((length - 1) / 2);
    return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
  }

  // ---- Data. ----
  // {a: [1, 2], b: [3, 4]} to [{a: 1, b: 3}, {a: 2, b: 4}].
  function rowsOf(columns) {
    if (!columns) return [];
    const names = Object.keys(columns);
    const count = names.length === 0 ? 0 : columns[names[0]].length;
    return Array.from({length: count}, (_, i) =>
      Object.fromEntries(names.map(name => [name, columns[name][i]])));
  }

  const unique = values => [...new Set(values)];

  // ---- Colours: of Okabe and Ito, distinct for colour-blind readers; style.css has the values. ----
  const palette = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(i => `var(--c${i})`);
  // An operator has the same colour in all charts; those that do alike work share one.
  const operators = ['conv2d', 'depthwise_conv2d', 'fully_connected', 'add', 'mul', 'max_pool', 'global_avg_pool', 'avg_pool', 'concat', 'conv2d_matrix'];
  const alike = {
    conv_transpose2d: 'conv2d_matrix', matmul: 'fully_connected', sub: 'add', div: 'mul', maximum: 'add',
    softmax: 'mul', layer_norm: 'mul', group_norm: 'mul', lrn: 'mul', resize: 'avg_pool', reduce: 'global_avg_pool',
    ...Object.fromEntries(['channel_split', 'channel_shuffle', 'slice', 'pad', 'transpose', 'depth_to_space', 'space_to_depth',
      'input', 'constant', 'embedding', 'host'].map(name => [name, 'concat'])),
  };
  const colour = {
    palette,
    of: values => new Map(values.map((value, i) => [value, palette[i % palette.length]])),
    ofOperator: name => palette[Math.max(0, operators.indexOf(alike[name] ?? name))],
    bound: {compute: 'var(--compute)', DRAM: 'var(--dram)', 'set-up': 'var(--setup)',
            dispatch: 'var(--dispatch)',
            write: 'var(--write)', fused: 'var(--fused)'},
  };

  // ---- Elements. Texts are always text nodes, so names in the data cannot become markup. ----
  function element(name, attributes = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      node.setAttribute(key, value === true ? '' : value);
    }
    node.append(...children.filter(child => child !== null && child !== undefined));
    return node;
  }

  function svg(name, attributes = {}, ...children) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) {
      if (Number.isNaN(value)) throw new Error(`${key} of ${name} is not a number`);
      if (value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  // What a damaged file leaves of a part of the page: the rest must still be shown.
  function attempt(what, make) {
    try {
      return make();
    } catch (error) {
      return element('p', {class: 'warning'}, `${what} cannot be shown: a file is damaged or of another version (${error.message}).`);
    }
  }

  // ---- Tooltip: one for the page. ----
  const tooltip = element('div', {class: 'tooltip', role: 'status', hidden: true});

  function showTooltip(mark, lines, x, y) {
    tooltip.replaceChildren(...lines.map((line, i) => element(i === 0 ? 'strong' : 'div', {}, line)));
    tooltip.hidden = false;
    const box = tooltip.getBoundingClientRect();
    if (x === undefined) {
      const at = mark.getBoundingClientRect();
      [x, y] = [at.left + at.width / 2, at.top];
    }
    const left = Math.max(4, Math.min(x + 12, document.documentElement.clientWidth - box.width - 4));
    const above = y - box.height - 12;
    tooltip.style.left = `${left}px`;
    tooltip.style.top = `${above > 4 ? above : y + 16}px`;
  }

  function hideTooltip() {
    tooltip.hidden = true;
  }

  // ---- Tables. ----
  function table(columns, rows) {
    let sorted = null;
    const body = element('tbody');
    const fill = ordered => body.replaceChildren(...ordered.map(row =>
      element('tr', {}, ...columns.map(([key, , as]) => element('td', {class: as === format.text ? null : 'number'},
        as(row[key]))))));
    const head = columns.map(([key, label, as]) => {
      const button = element('button', {type: 'button'}, label);
      button.addEventListener('click', () => {
        sorted = sorted === key ? `-${key}` : key;
        const sign = sorted === key ? 1 : -1;
        fill([...rows].sort((a, b) => sign * d3.ascending(a[key], b[key])));
      });
      return element('th', {scope: 'col', class: as === format.text ? null : 'number'}, button);
    });
    fill(rows);
    return element('table', {}, element('thead', {}, element('tr', {}, ...head)), body);
  }

  const sizeText = count => count <= kMaxRows ? `${integer.format(count)} rows`
    : `the first ${integer.format(kMaxRows)} of ${integer.format(count)} rows`;

  // ---- The frame of a chart. ----
  class Frame {
    constructor(definition, section, rows) {
      this.definition = definition;
      this.section = section;
      this.all = rows;
      this.hidden = new Set();
      this.state = {};
      this.node = element('figure', {id: `${definition.id}-${section.index}`, class: definition.wide ? 'wide' : null,
                                     'data-chart': definition.id});
      const lead = definition.lead ? definition.lead(section, rows) : '';
      this.node.append(element('h3', {}, definition.title), lead ? element('p', {class: 'lead'}, lead) : '');
      this.addControls();
      this.legendNode = element('div', {class: 'legend', role: 'group', 'aria-label': 'Filter'});
      this.node.append(this.legendNode);
      this.addLegend();
      this.chart = element('div', {class: 'chart', role: 'group', 'aria-label': `${definition.title}. Arrow keys move between marks.`});
      this.node.append(this.chart, element('figcaption', {}, definition.help));
      this.details = element('details', {}, element('summary'));
      this.details.addEventListener('toggle', () => this.fillTable());
      this.node.append(this.details);
      this.listen();
    }

    addControls() {
      const controls = this.definition.controls ? this.definition.controls(this.section, this.all) : [];
      if (controls.length === 0) return;
      this.node.append(element('div', {class: 'controls'}, ...controls.map(({key, label, options, value}) => {
        this.state[key] = value ?? options[0][0];
        const select = element('select', {}, ...options.map(([option, text]) =>
          element('option', {value: option, selected: String(option) === String(this.state[key])}, text)));
        select.addEventListener('change', () => {
          this.state[key] = select.value;
          this.addLegend();
          this.draw();
        });
        return element('label', {}, `${label} `, select);
      })));
    }

    addLegend() {
      this.hidden.clear();
      this.legend = this.definition.legend ? this.definition.legend(this.section, this.all, this.state) : null;
      this.legendNode.replaceChildren();
      if (!this.legend || this.legend.items.length < 2) return;
      this.buttons = this.legend.items.map(([value, label, fill]) => {
        const button = element('button', {type: 'button', 'aria-pressed': 'true', 'data-value': value},
          element('span', {class: 'swatch', style: `background:${fill}`}), label);
        button.addEventListener('click', event => this.toggle(value, event.ctrlKey || event.metaKey || event.shiftKey));
        return button;
      });
      this.legendNode.append(...this.buttons);
    }

    // A click on an item shows this item only; a second click, or one that would hide everything,
    // shows all; with Ctrl or Shift it adds or removes the item.
    toggle(value, isAdding) {
      const values = this.legend.items.map(item => item[0]);
      const isAlone = !this.hidden.has(value) && this.hidden.size === values.length - 1;
      if (isAdding) {
        if (!this.hidden.delete(value)) this.hidden.add(value);
        if (this.hidden.size === values.length) this.hidden.clear();
      } else {
        this.hidden = isAlone ? new Set() : new Set(values.filter(other => other !== value));
      }
      this.buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(!this.hidden.has(values[i]))));
      this.draw();
    }

    get rows() {
      const {legend, hidden} = this;
      if (!legend || legend.parts || hidden.size === 0) return this.all;
      return this.all.filter(row => !hidden.has(row[legend.key]));
    }

    draw() {
      this.marks = [];
      const rows = this.rows;
      const context = {
        section: this.section,
        rows,
        all: this.all,
        state: this.state,
        width: Math.max(280, Math.floor(this.chart.clientWidth || 600)),
        shown: value => !this.hidden.has(value),
        connect: (node, row) => this.connect(node, row),
        mark: data => (index, scales, values, dimensions, plot, next) => {
          const group = next(index, scales, values, dimensions, plot);
          [...group.children].forEach((child, i) => this.connect(child, data[index[i]]));
          return group;
        },
      };
      hideTooltip();
      const limit = this.definition.maxRows ?? kMaxRows;
      const node = this.all.length > limit
        ? element('p', {class: 'warning'}, `${integer.format(this.all.length)} rows are too many for a chart of at most ${integer.format(limit)}.`)
        : attempt('This chart', () => this.definition.draw(context));
      this.chart.replaceChildren(node);
      this.table_rows = context.table ?? rows;
      this.marks.forEach((mark, i) => mark.setAttribute('tabindex', i === 0 ? 0 : -1));
      this.details.querySelector('summary').textContent = `Table: ${sizeText(this.table_rows.length)}`;
      this.fillTable();
    }

    connect(node, row) {
      node.classList.add('mark');
      node.row = row;
      node.setAttribute('role', 'img');
      node.setAttribute('aria-label', this.linesOf(row).join(', '));
      this.marks.push(node);
    }

    linesOf(row) {
      const {name, columns} = this.definition;
      const lines = (row.tip ?? columns.slice(1).filter(([key]) => !isMissing(row[key]))
        .map(([key, label, as]) => `${label}: ${as(row[key])}`));
      return [name ? name(row) : String(row[columns[0][0]]), ...lines];
    }

    fillTable() {
      if (!this.details.open) return;
      const old = this.details.querySelector('.table');
      if (old) old.remove();
      this.details.append(element('div', {class: 'table'}, table(this.definition.columns, this.table_rows.slice(0, kMaxRows))));
    }

    listen() {
      const markOf = event => event.target.closest('.mark');
      this.chart.addEventListener('pointermove', event => {
        const mark = markOf(event);
        if (mark) showTooltip(mark, this.linesOf(mark.row), event.clientX, event.clientY);
        else hideTooltip();
      });
      this.chart.addEventListener('pointerleave', hideTooltip);
      this.chart.addEventListener('focusin', event => {
        const mark = markOf(event);
        if (mark && mark.matches(':focus-visible')) showTooltip(mark, this.linesOf(mark.row));
      });
      this.chart.addEventListener('focusout', hideTooltip);
      this.chart.addEventListener('keydown', event => {
        const at = this.marks.indexOf(document.activeElement);
        const last = this.marks.length - 1;
        const to = {ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last}[event.key];
        if (event.key === 'Escape') hideTooltip();
        if (at < 0 || to === undefined || to < 0 || to > last) return;
        event.preventDefault();
        this.marks[at].setAttribute('tabindex', -1);
        this.marks[to].setAttribute('tabindex', 0);
        this.marks[to].focus({preventScroll: false});
      });
    }
  }

  // Plot with what all charts have in common.
  function plot(context, options) {
    return Plot.plot({
      width: context.width,
      marginLeft: 56,
      style: {fontSize: '11px', background: 'transparent', overflow: 'visible'},
      ...options,
    });
  }

  // Ticks of a logarithmic axis: powers of ten, so that labels do not overlap.
  const logAxis = {type: 'log', tickFormat: value => Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6)
    ? format.short(value) : ''};

  return {
    charts, answers: [], hints: [], format, colour, element, svg, rowsOf, unique, shortened, attempt, tooltip, Frame, plot, logAxis, hideTooltip,
    chart: definition => charts.push(definition),
  };
})();
