// Charts in plain SVG and HTML: lines over time with what the values are now (or under the pointer), and bars.

const svg = (tag, attributes, text) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
};
const height = 170, left = 40, right = 8, top = 8, bottom = 20;

// The end of an axis whose half is a plain number, too.
function niceTop(value, isWhole) {
  if (value <= 0 || (isWhole && value <= 1)) return 1;
  const step = Math.pow(10, Math.floor(Math.log10(value)));
  return [1, 2, 4, 6, 8, 10].map(each => each * step).find(each => each >= value - 1e-9);
}

/** Line chart in `figure` (holds .legend and svg). samples: [{at, …}] oldest first; series: [{name, kind, of(sample)}],
 *  kind is a class of the style sheet. Times are this browser's. */
export function lines(figure, samples, series, {unit = '', digits = 0} = {}) {
  const drawing = figure.querySelector('svg'), legend = figure.querySelector('.legend');
  const width = drawing.clientWidth || 480;  // one unit is one pixel: letters keep their size on a telephone
  const end = samples.length ? samples[samples.length - 1].at : Date.now();
  const start = Math.min(samples.length ? samples[0].at : end, end - 60000);
  const values = series.map(each => samples.map(sample => Math.max(0, each.of(sample) || 0)));
  const most = niceTop(Math.max(0, ...values.flat()), digits === 0);
  const x = at => left + (width - left - right) * (at - start) / (end - start);
  const y = value => height - bottom - (height - bottom - top) * value / most;
  const text = value => value.toLocaleString('en', {maximumFractionDigits: digits}) + unit;
  drawing.setAttribute('viewBox', `0 0 ${width} ${height}`);
  drawing.replaceChildren();
  for (const share of most === 1 && !digits ? [0, 1] : [0, 0.5, 1]) {
    drawing.append(svg('line', {class: 'grid', x1: left, x2: width - right, y1: y(most * share), y2: y(most * share)}),
      svg('text', {x: left - 6, y: y(most * share) + 4, 'text-anchor': 'end'}, (most * share).toLocaleString('en', {maximumFractionDigits: 2}) + unit));
  }
  for (const [share, anchor] of [[0, 'start'], [0.5, 'middle'], [1, 'end']]) {
    const at = start + (end - start) * share;
    drawing.append(svg('text', {x: x(at), y: height - 4, 'text-anchor': anchor}, new Date(at).toLocaleTimeString('en-GB')));
  }
  series.forEach((each, i) => {
    const points = samples.map((sample, k) => `${x(sample.at).toFixed(1)},${y(values[i][k]).toFixed(1)}`);
    if (points.length === 1) points.push(points[0]);
    drawing.append(svg('polyline', {class: 'line ' + each.kind, points: points.join(' ')}));
  });
  const show = k => {
    while (legend.children.length < series.length) {
      const item = document.createElement('span');
      item.append(document.createElement('i'), document.createElement('b'), document.createElement('span'));
      legend.append(item);
    }
    series.forEach((each, i) => {
      const [mark, value, name] = legend.children[i].children;
      mark.className = 'key ' + each.kind;
      value.textContent = samples.length ? text(values[i][k]) : '–';
      name.textContent = ' ' + each.name;
    });
  };
  const pointed = Number(figure.dataset.pointed);  // 0..1 across the drawing while the pointer is over it
  let k = samples.length - 1;
  if (figure.dataset.pointed && samples.length) {
    const at = start + (end - start) * (pointed * width - left) / (width - left - right);
    k = samples.reduce((best, sample, i) => Math.abs(sample.at - at) < Math.abs(samples[best].at - at) ? i : best, 0);
    drawing.append(svg('line', {class: 'pointer', x1: x(samples[k].at), x2: x(samples[k].at), y1: top, y2: height - bottom}));
  }
  show(k);
  if (!figure.dataset.listens) {
    figure.dataset.listens = 'yes';
    drawing.addEventListener('pointermove', event => {
      const box = drawing.getBoundingClientRect();
      figure.dataset.pointed = (event.clientX - box.left) / box.width;
      figure.redraw();
    });
    drawing.addEventListener('pointerleave', () => {
      delete figure.dataset.pointed;
      figure.redraw();
    });
  }
  figure.redraw = () => lines(figure, samples, series, {unit, digits});
}

/** Bars with name, count and share. rows: [{name, count, kind}]. */
export function bars(place, rows, ifEmpty) {
  const sum = rows.reduce((all, each) => all + each.count, 0), most = Math.max(1, ...rows.map(each => each.count));
  const cell = (tag, text) => Object.assign(document.createElement(tag), {textContent: text});
  place.replaceChildren(...rows.map(each => {
    const bar = Object.assign(document.createElement('i'), {className: each.kind});
    bar.style.width = 100 * each.count / most + '%';
    const rail = document.createElement('div');
    rail.append(bar);
    const row = Object.assign(document.createElement('div'), {className: 'bar'});
    row.append(cell('span', each.name), rail, cell('span', `${each.count.toLocaleString('en')} · ${(100 * each.count / sum).toFixed(0)} %`));
    return row;
  }));
  if (!rows.length) place.append(Object.assign(cell('p', ifEmpty), {className: 'hint'}));
}

/** One bar of parts that make a whole. parts: [{name, count, kind}]. */
export function parts(place, rows) {
  const sum = Math.max(1, rows.reduce((all, each) => all + each.count, 0));
  const [rail, legend] = place.children;
  while (rail.children.length < rows.length) rail.append(document.createElement('i'));
  while (legend.children.length < rows.length) {
    const item = document.createElement('span');
    item.append(document.createElement('i'), document.createElement('b'), document.createElement('span'));
    legend.append(item);
  }
  rows.forEach((each, i) => {
    rail.children[i].className = each.kind;
    rail.children[i].style.width = 100 * each.count / sum + '%';
    const [mark, value, name] = legend.children[i].children;
    mark.className = 'key ' + each.kind;
    value.textContent = each.count.toLocaleString('en');
    name.textContent = ' ' + each.name;
  });
}
