/* Smooth lines, discs and texts on a picture. Called from app/overlay/strokes.py. */

#include "people.h"

/* A picture of h rows of w pixels, `step` bytes apart: of three bytes each, red, green, blue, or
   of four, blue, green, red and one that is left alone. */
typedef struct {
    unsigned char *pixels;
    long long h, w, step, channels;
} Canvas;

/* A colour that covers a pixel to 256 parts of 256, as the canvas has its bytes. */
typedef struct {
    int first, second, third;
} Paint;

static inline double within(double value, double low, double high) {
    return smaller_of(larger_of(value, low), high);
}

/* rgb: red in the highest of three bytes. */
static Paint paint_of(const Canvas *canvas, int rgb) {
    int red = rgb >> 16 & 255, green = rgb >> 8 & 255, blue = rgb & 255;
    return canvas->channels == 3 ? (Paint){red, green, blue} : (Paint){blue, green, red};
}

static inline unsigned char mixed(int under, int over, int parts) {
    return (unsigned char)((under * (256 - parts) + over * parts + 128) >> 8);
}

static inline void cover(unsigned char *pixel, const Paint *paint, int parts) {
    pixel[0] = mixed(pixel[0], paint->first, parts);
    pixel[1] = mixed(pixel[1], paint->second, parts);
    pixel[2] = mixed(pixel[2], paint->third, parts);
}

/* Cover pixels of a row that lie in the mark entirely: most of them do. */
static void fill(const Canvas *canvas, long long y, long long from, long long to,
                 const Paint *paint, double opacity) {
    unsigned char *pixel = canvas->pixels + y * canvas->step + from * canvas->channels;
    int parts = (int)(256 * opacity + 0.5);
    for (long long x = from; x < to; x++, pixel += canvas->channels)
        if (parts < 256)
            cover(pixel, paint, parts);
        else
            pixel[0] = (unsigned char)paint->first, pixel[1] = (unsigned char)paint->second,
            pixel[2] = (unsigned char)paint->third;
}

static inline long long below(double value) { return (long long)value; } /* of 0 and above */

static inline long long above(double value) { return below(value) + (value > below(value)); }

/* Whole numbers around an interval, cut to 0 up to `end`; what is no number is cut too. */
static inline void span_of(double low, double high, long long end, long long *from,
                           long long *to) {
    *from = below(within(low, 0, (double)end));
    *to = above(within(high, 0, (double)end));
}

/* Of from..to the whole numbers within an interval; an empty span at `to` where there are none. */
static inline void inner_span(double low, double high, long long from, long long to,
                              long long *first, long long *last) {
    *first = above(within(low, (double)from, (double)to));
    *last = below(within(high + 1, (double)from, (double)to));
    if (!(low <= high) || *last < *first) *first = *last = to;
}

/* Where `start + row * down + column * right` lies within from..to: columns of each row. */
typedef struct {
    double low, high, slope; /* the columns are low + slope * row .. high + slope * row */
} Band;

static Band band_of(double start, double right, double down, double from, double to) {
    if (fabs(right) < 1e-9) right = right < 0 ? -1e-9 : 1e-9; /* all columns of a row, or none */
    double a = (from - start) / right, b = (to - start) / right;
    return (Band){smaller_of(a, b), larger_of(a, b), -down / right};
}

/* Narrow low..high to the columns of a row that lie in a band. */
static inline void narrow(const Band *band, long long row, double *low, double *high) {
    double moved = band->slope * row;
    *low = larger_of(*low, band->low + moved);
    *high = smaller_of(*high, band->high + moved);
}

/* A line with square ends; a pixel is at `along` and `across` of it, counted from the first end. */
typedef struct {
    double along, across; /* of the middle of the picture's first pixel */
    double dx, dy, half, length;
} Line;

/* Cover pixels of a row by what of them lies in the line. */
static inline void edge(const Canvas *canvas, long long y, long long from, long long to,
                        const Line *line, const Paint *paint, double opacity) {
    unsigned char *pixel = canvas->pixels + y * canvas->step + from * canvas->channels;
    float along = (float)(line->along + y * line->dy + from * line->dx);
    float across = (float)(line->across + y * line->dx - from * line->dy);
    float dx = (float)line->dx, dy = (float)line->dy, full = 256 * (float)opacity;
    float half = (float)line->half, length = (float)line->length;
    float most = half < 0.5f ? 2 * half : 1, longest = length < 1 ? length : 1;
    for (long long x = from; x < to; x++, pixel += canvas->channels) {
        float wide = half + 0.5f - fabsf(across);
        float rest = along < length - along ? along : length - along;
        float part = (wide < most ? wide : most) * (rest + 0.5f < longest ? rest + 0.5f : longest);
        if (wide > 0 && rest > -0.5f) cover(pixel, paint, (int)(full * part + 0.5f));
        along += dx, across -= dy;
    }
}

static void draw_line(const Canvas *canvas, const double *ends, const Paint *paint, double width,
                      double opacity) {
    double dx = ends[2] - ends[0], dy = ends[3] - ends[1], length = sqrt(dx * dx + dy * dy);
    if (!(length > 1e-6 && length < 1e6)) return; /* nor what is no number */
    dx /= length, dy /= length;
    double x0 = 0.5 - ends[0], y0 = 0.5 - ends[1], half = width / 2, reach = fabs(dx) * half + 1;
    Line line = {x0 * dx + y0 * dy, y0 * dx - x0 * dy, dx, dy, half, length};
    Band along = band_of(line.along, dx, dy, -0.5, length + 0.5);
    Band across = band_of(line.across, -dy, dx, -half - 0.5, half + 0.5);
    Band all_along = band_of(line.along, dx, dy, 0.5, length - 0.5);
    Band all_across = band_of(line.across, -dy, dx, 0.5 - half, half - 0.5);
    int thick = half >= 0.5 && length >= 1;
    long long top, bottom, from, to;
    span_of(smaller_of(ends[1], ends[3]) - reach, larger_of(ends[1], ends[3]) + reach, canvas->h,
            &top, &bottom);
    for (long long y = top; y < bottom; y++) {
        double low = 0, high = (double)canvas->w;
        narrow(&along, y, &low, &high);
        narrow(&across, y, &low, &high);
        if (high < low) continue;
        span_of(low, high + 1, canvas->w, &from, &to);
        long long first = to, last = to;
        narrow(&all_along, y, &low, &high);
        narrow(&all_across, y, &low, &high);
        if (thick) inner_span(low, high, from, to, &first, &last);
        edge(canvas, y, from, first, &line, paint, opacity);
        fill(canvas, y, first, last, paint, opacity);
        edge(canvas, y, last, to, &line, paint, opacity);
    }
}

/* Cover pixels of a row by what of them lies in a disc and, if `inner` is not 0, outside another
   around the same centre. */
static void rim(const Canvas *canvas, long long y, long long from, long long to, double cx,
                double dy, double radius, double inner, const Paint *paint, double opacity) {
    unsigned char *pixel = canvas->pixels + y * canvas->step + from * canvas->channels;
    for (long long x = from; x < to; x++, pixel += canvas->channels) {
        double dx = x + 0.5 - cx, away = sqrt(dx * dx + dy * dy);
        double part = within(radius + 0.5 - away, 0, 1);
        if (inner > 0) part -= within(inner + 0.5 - away, 0, 1);
        cover(pixel, paint, (int)(256 * opacity * part + 0.5));
    }
}

/* A disc, or a ring whose hole has a radius of `inner`. */
static void disc(const Canvas *canvas, double cx, double cy, double radius, double inner,
                 const Paint *paint, double opacity) {
    if (!(fabs(cx) < 1e6 && fabs(cy) < 1e6)) return;
    long long top, bottom, from, to, first, last;
    span_of(cy - radius - 1, cy + radius + 1, canvas->h, &top, &bottom);
    for (long long y = top; y < bottom; y++) {
        double dy = y + 0.5 - cy, reach = radius + 1, sure = inner > 0 ? 0 : radius - 0.5;
        double half = sqrt(larger_of(reach * reach - dy * dy, 0));
        double full = sure > fabs(dy) ? sqrt(sure * sure - dy * dy) : -1;
        span_of(cx - half - 1, cx + half + 1, canvas->w, &from, &to);
        inner_span(cx - full - 0.5, cx + full - 0.5, from, to, &first, &last);
        rim(canvas, y, from, first, cx, dy, radius, inner, paint, opacity);
        fill(canvas, y, first, last, paint, opacity);
        rim(canvas, y, last, to, cx, dy, radius, inner, paint, opacity);
    }
}

/* ends: (count, 4) x0, y0, x1, y1; the centre of the first pixel is at (0.5, 0.5). */
EXPORTED void posestream_lines(const Canvas *canvas, const double *ends, long long count, int rgb,
                               double width, double opacity) {
    Paint paint = paint_of(canvas, rgb);
    for (long long i = 0; i < count; i++)
        draw_line(canvas, ends + 4 * i, &paint, width, opacity);
}

/* Discs or rings with a rim.

   xy: (count, 2); radius: (count,); colours: (count, 3) RGB; rings: (count,) flags.
   ring: the width of a ring's line. */
EXPORTED void posestream_discs(const Canvas *canvas, const double *xy, const double *radius,
                               const unsigned char *colours, const unsigned char *rings,
                               long long count, double ring, int rim_rgb, double rim,
                               double opacity) {
    Paint dark = paint_of(canvas, rim_rgb);
    for (long long i = 0; i < count; i++) {
        const unsigned char *rgb = colours + 3 * i;
        Paint paint = paint_of(canvas, rgb[0] << 16 | rgb[1] << 8 | rgb[2]);
        double x = xy[2 * i], y = xy[2 * i + 1], outer = radius[i] + (rings[i] ? ring / 2 : 0);
        disc(canvas, x, y, radius[i] + rim, 0, &dark, opacity);
        disc(canvas, x, y, outer, rings[i] ? outer - ring : 0, &paint, opacity);
    }
}

/* A small picture, (h, w, 4) RGBA, with its corner at a pixel; it must lie inside. */
EXPORTED void posestream_stamp(const Canvas *canvas, const unsigned char *rgba, long long h,
                               long long w, long long left, long long top, double opacity) {
    int parts = (int)(256 * opacity + 0.5);
    for (long long y = 0; y < h; y++) {
        unsigned char *pixel = canvas->pixels + (top + y) * canvas->step + left * canvas->channels;
        for (long long x = 0; x < w; x++, pixel += canvas->channels, rgba += 4) {
            Paint paint = paint_of(canvas, rgba[0] << 16 | rgba[1] << 8 | rgba[2]);
            cover(pixel, &paint, (parts * (rgba[3] + (rgba[3] >> 7))) >> 8);
        }
    }
}
