"""What tests ask a browser about the charts of a page."""

MARKS = "figure => figure.querySelectorAll('svg .role-mark path, svg .mark-rect path').length"
# Texts of one chart whose boxes overlap, and texts that stick out of their chart.
COLLIDING = """() => [...document.querySelectorAll('figure')].flatMap(figure => {
  const boxes = [...figure.querySelectorAll('svg text')]
    .filter(text => text.textContent && text.getAttribute('opacity') !== '0')
    .map(text => [text.textContent, text.getBoundingClientRect()]);
  const edge = figure.getBoundingClientRect();
  const found = boxes.filter(([, box]) => box.left < edge.left - 1 || box.right > edge.right + 1).map(([text]) => text);
  boxes.forEach(([text, box], index) => boxes.slice(index + 1).forEach(([other, near]) => {
    const wide = Math.min(box.right, near.right) - Math.max(box.left, near.left);
    const high = Math.min(box.bottom, near.bottom) - Math.max(box.top, near.top);
    if (wide > 0.5 && high > 2) found.push(`${figure.dataset.chart}: ${text} | ${other}`);
  }));
  return found;
})"""
