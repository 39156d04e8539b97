// A graph over time. uPlot draws it; what it shows stands in words below it too.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { shown } from '../theme';
import { clock } from '../text';

export interface Curve {
  label: string;
  tone: 'cpu' | 'memory' | 'calls' | 'errors' | 'other';
  values: (number | null)[];
}

interface ChartProps {
  title: string;
  /** Unix seconds. */
  xs: number[];
  curves: Curve[];
  format: (value: number) => string;
  /** The scale reaches at least so far. */
  least: number;
  height?: number;
}

const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric' });

/** Marks of the time axis: hours and minutes, days where it is about days. */
function timeMarks(_plot: uPlot, marks: number[]): string[] {
  const isDays = (marks.at(-1) ?? 0) - (marks[0] ?? 0) > 36 * 3600;
  return marks.map((mark) => (isDays ? DAY.format(mark * 1000) : clock(mark * 1000).slice(0, (marks[1] ?? 0) - (marks[0] ?? 0) < 60 ? 8 : 5)));
}

export function Chart({ title, xs, curves, format, least, height = 150 }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLSpanElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ xs, curves, format, least });
  latest.current = { xs, curves, format, least };
  const theme = shown.value;
  const names = curves.map((curve) => `${curve.tone}:${curve.label}`).join('|');

  useLayoutEffect(() => {
    const holder = box.current;
    if (holder === null) return undefined;
    const line = colour('--line');
    const quiet = colour('--quiet');
    const axis = { stroke: quiet, font: '11px system-ui, sans-serif', grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 } };
    const made = new uPlot(
      {
        width: Math.max(200, holder.clientWidth),
        height,
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { size: 6 }, y: false },
        scales: { x: { time: true }, y: { range: (_self, _min, max) => [0, Math.max(latest.current.least, max ?? 0) * 1.1] } },
        axes: [
          { ...axis, values: timeMarks, space: 70, size: 28 },
          { ...axis, values: (_self, marks) => marks.map((mark) => latest.current.format(mark)), size: 66, space: 34 },
        ],
        series: [
          {},
          ...latest.current.curves.map((curve) => ({
            label: curve.label,
            stroke: colour(`--tone-${curve.tone}`),
            fill: `${colour(`--tone-${curve.tone}`)}1c`,
            width: 1.5,
            points: { show: false },
          })),
        ],
        hooks: {
          setCursor: [
            (self) => {
              const place = self.cursor.idx;
              if (readout.current === null) return;
              const { xs, curves, format } = latest.current;
              const at = place === null || place === undefined ? undefined : xs[place];
              readout.current.textContent =
                at === undefined
                  ? ''
                  : `${clock(at * 1000)}  ${curves.map((curve) => `${curve.label} ${told(curve.values[place as number], format)}`).join(', ')}`;
            },
          ],
        },
      },
      data(latest.current),
      holder,
    );
    plot.current = made;
    const watch = new ResizeObserver(() => {
      const width = holder.clientWidth;
      if (width > 0 && width !== made.width) made.setSize({ width, height });
    });
    watch.observe(holder);
    return () => {
      watch.disconnect();
      plot.current = null;
      made.destroy();
    };
  }, [theme, names, height]);

  useEffect(() => {
    plot.current?.setData(data(latest.current));
  }, [xs, curves]);

  return (
    <figure class="chart">
      <div ref={box} class="chart-box" aria-hidden="true" />
      <figcaption>
        {curves.length > 1 && <span class="chart-title">{title}</span>}
        {curves.map((curve) => {
          const real = curve.values.filter((value): value is number => value !== null && Number.isFinite(value));
          const last = real.at(-1);
          const mean = real.length === 0 ? undefined : real.reduce((sum, value) => sum + value, 0) / real.length;
          return (
            <span key={curve.label} class={`key tone-${curve.tone}`}>
              <span class="swatch" aria-hidden="true" />
              <b>{curve.label}</b> {last === undefined ? 'nothing measured' : `now ${format(last)}, mean ${format(mean ?? 0)}, at most ${format(real.reduce((most, value) => Math.max(most, value), 0))}`}
            </span>
          );
        })}
        <span ref={readout} class="readout" aria-hidden="true" />
      </figcaption>
    </figure>
  );
}

const told = (value: number | null | undefined, format: (value: number) => string) =>
  value === null || value === undefined || !Number.isFinite(value) ? '–' : format(value);

function data({ xs, curves }: { xs: number[]; curves: Curve[] }): uPlot.AlignedData {
  return [xs, ...curves.map((curve) => curve.values)];
}
