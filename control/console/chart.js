// A line chart in SVG: series of {name, colour, values}, the newest on the right, the scale from zero.
'use strict';

function chart(svg, series, unit) {
  const width = 400, height = 150, left = 38, bottom = 16;
  const longest = Math.max(2, ...series.map(each => each.values.length));
  const top = niceTop(Math.max(0, ...series.flatMap(each => each.values)));
  const x = (i, count) => left + (width - left - 4) * (longest - count + i) / (longest - 1);
  const y = value => (height - bottom) - (height - bottom - 8) * value / top;
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren();
  const put = (tag, attributes, text) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    svg.append(element);
  };
  for (const share of [0, 0.5, 1]) {
    put('line', {x1: left, x2: width - 4, y1: y(top * share), y2: y(top * share), stroke: 'var(--line)'});
    put('text', {x: left - 5, y: y(top * share) + 4, 'text-anchor': 'end', 'font-size': 10, fill: 'var(--soft)'},
        (top * share).toLocaleString(undefined, {maximumFractionDigits: 2}) + (unit || ''));
  }
  let at = left;
  for (const each of series) {
    const points = each.values.map((value, i) => x(i, each.values.length).toFixed(1) + ',' + y(value).toFixed(1));
    put('polyline', {points: points.join(' '), fill: 'none', stroke: each.colour, 'stroke-width': 1.8});
    put('text', {x: at, y: height - 3, 'font-size': 10, fill: each.colour}, each.name);
    at += 12 + each.name.length * 6;
  }
}

function niceTop(value) {
  if (value <= 0) return 1;
  const step = Math.pow(10, Math.floor(Math.log10(value)));
  return [1, 2, 2.5, 5, 10].map(each => each * step).find(each => each >= value);
}
