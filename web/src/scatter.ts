// A scatter over two logarithmic axes with the line of equality. Loaded when first shown.

import { CustomChart, LineChart, ScatterChart } from "echarts/charts";
import { DataZoomComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

echarts.use([ScatterChart, LineChart, CustomChart, GridComponent, LegendComponent, TooltipComponent, DataZoomComponent, CanvasRenderer]);

export interface Dot {
  group: string;
  x: number;
  y: number;
  low: number | null;
  high: number | null;
  name: string;
}

/// Draws into `place`, anew or over an older chart.
export function scatter(place: HTMLElement, old: any, dots: Dot[], [across, up]: string[]) {
  const chart = old ?? echarts.init(place);
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const groups = [...new Set(dots.map((d) => d.group))].sort();
  const there = dots.flatMap((d) => [d.x, d.y]).filter((v) => v > 0);
  const all = there.length > 0 ? there : [1, 10];
  // Whole decades.
  const ends = [10 ** Math.floor(Math.log10(Math.min(...all))), 10 ** Math.ceil(Math.log10(Math.max(...all)))];
  const shades = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6"].map(colour);
  const axis = (name: string | undefined) => ({
    type: "log", name, nameLocation: "middle", nameGap: 28, min: ends[0], max: ends[1],
    axisLabel: { color: colour("--soft"), formatter: (v: number) => (v >= 1e6 ? `${v / 1e6}M` : v >= 1e3 ? `${v / 1e3}k` : String(Number(v.toPrecision(2)))) },
    nameTextStyle: { color: colour("--soft") },
    splitLine: { lineStyle: { color: colour("--grid") } },
  });
  chart.setOption({
    animation: false,
    color: shades,
    textStyle: { fontFamily: colour("--sans") },
    grid: { left: 64, right: 16, top: 64, bottom: 48 },
    legend: { type: "scroll", top: 0, textStyle: { color: colour("--ink") } },
    tooltip: { formatter: (p: any) => `${echarts.format.encodeHTML(p.value[2] ?? "")}<br>${across} ${Number(p.value[0].toPrecision(3))}, ${up} ${Number(p.value[1].toPrecision(3))}` },
    dataZoom: [{ type: "inside", xAxisIndex: 0 }, { type: "inside", yAxisIndex: 0 }],
    xAxis: axis(across),
    yAxis: { ...axis(up), nameGap: 48 },
    series: [
      { type: "line", data: [[ends[0], ends[0]], [ends[1], ends[1]]], showSymbol: false, silent: true, lineStyle: { color: colour("--faint"), width: 1 } },
      ...groups.map((name, i) => ({
        name, type: "custom", silent: true, clip: true, itemStyle: { color: shades[i % shades.length] },
        data: dots.filter((d) => d.group === name && d.low !== null && d.high !== null).map((d) => [d.x, Math.max(d.low!, ends[0]!), Math.min(d.high!, ends[1]!)]),
        renderItem: (_: unknown, bar: any) => {
          const [x1, y1] = bar.coord([bar.value(0), bar.value(1)]);
          const [x2, y2] = bar.coord([bar.value(0), bar.value(2)]);
          return { type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: shades[i % shades.length], opacity: 0.14 } };
        },
      })),
      ...groups.map((name, i) => ({
        name, type: "scatter", symbolSize: 5, itemStyle: { color: shades[i % shades.length], opacity: 0.6 },
        data: dots.filter((d) => d.group === name).map((d) => [d.x, d.y, d.name]),
      })),
    ],
  }, true);
  return chart;
}
