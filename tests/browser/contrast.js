// Contrast of each visible element that the selector finds: its text colour over all backgrounds behind it, as painted.
(selector) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = ([red, green, blue, alpha], below) =>
    [red, green, blue].map((part, index) => part * alpha + below[index] * (1 - alpha));
  const luminance = (colour) => {
    const [red, green, blue] = colour.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ratios = [];
  for (const node of document.querySelectorAll(selector)) {
    if (!node.checkVisibility() || !node.textContent.trim()) continue;
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(getComputedStyle(at).backgroundColor);
    const page = matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
    const behind = layers.reverse().reduce((below, colour) => over(rgba(colour), below), page);
    const [light, dark] = [over(rgba(getComputedStyle(node).color), behind), behind].map(luminance).sort((a, b) => b - a);
    ratios.push((light + 0.05) / (dark + 0.05));
  }
  return ratios;
};
