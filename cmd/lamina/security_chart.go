package main

import (
	"fmt"
	"html"
	"math"
	"os"
	"strings"

	"github.com/layeredpow/lamina/internal/app"
)

// chartWidth is how many columns stand for 100%.
const chartWidth = 40

// shareChart draws the share over time in plain characters, a line for each stretch.
func (s *session) shareChart(points []app.SharePoint) {
	if len(points) == 0 {
		return
	}
	s.printf("%-16s  %6s  0%%%*s\n", "UNTIL", "SHARE", chartWidth-2, "100%")
	for i := range points {
		p := &points[i]
		s.printf("%-16s  %6s  %s\n", p.Time.Format("2006-01-02 15:04"), percent(p.Share.Share), shareBar(p))
	}
}

// shareBar is one line of the chart: the share, and dashes over its bounds.
func shareBar(p *app.SharePoint) string {
	column := func(share float64) int { return int(math.Round(min(max(share, 0), 1) * (chartWidth - 1))) }
	bar := []byte(strings.Repeat(" ", chartWidth))
	for i := column(p.Low); i <= column(p.High); i++ {
		bar[i] = '-'
	}
	bar[column(p.Share.Share)] = '#'
	return strings.TrimRight(string(bar), " ")
}

// The picture, in its own units.
const (
	svgWide, svgHigh = 720, 320
	svgLeft, svgTop  = 60, 40
	svgRight, svgLow = 700, 270 // right and lower edge of the plot
)

// writeShareSVG writes the share over time as a picture: a line, and a band that holds its bounds.
func writeShareSVG(path string, c *app.ChainSecurity) error {
	return os.WriteFile(path, []byte(shareSVG(c)), 0o644)
}

func shareSVG(c *app.ChainSecurity) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", svgWide, svgHigh)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", svgWide, svgHigh)
	title := c.Chain
	if c.L1 != "" {
		title += ": share of the work of " + c.L1
	}
	fmt.Fprintf(&b, `<text x="%d" y="24" fill="#222222">%s</text>`+"\n", svgLeft, html.EscapeString(title))
	for _, mark := range []float64{0, 0.25, 0.5, 0.75, 1} {
		y := svgY(mark)
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#dddddd"/>`+"\n", svgLeft, y, svgRight, y)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end" fill="#555555">%.0f%%</text>`+"\n", svgLeft-8, y+4, 100*mark)
	}
	if len(c.Points) == 0 {
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#555555">%s</text>`+"\n", svgLeft+10, (svgTop+svgLow)/2, html.EscapeString("unknown: "+c.Unknown))
	} else {
		svgPoints(&b, c.Points)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func svgPoints(b *strings.Builder, points []app.SharePoint) {
	var line, upper, lower []string
	for i := range points {
		p := &points[i]
		x := svgX(i, len(points))
		line = append(line, fmt.Sprintf("%.1f,%.1f", x, svgY(p.Share.Share)))
		upper = append(upper, fmt.Sprintf("%.1f,%.1f", x, svgY(p.High)))
		lower = append([]string{fmt.Sprintf("%.1f,%.1f", x, svgY(p.Low))}, lower...)
	}
	fmt.Fprintf(b, `<polygon points="%s" fill="#cfe3f5"/>`+"\n", strings.Join(append(upper, lower...), " "))
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="#1f6fb2" stroke-width="2"/>`+"\n", strings.Join(line, " "))
	for i, anchor := range map[int]string{0: "start", len(points) - 1: "end"} {
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="%s" fill="#555555">%s</text>`+"\n", svgX(i, len(points)), svgLow+20, anchor,
			points[i].Time.Format("2006-01-02 15:04"))
	}
}

func svgX(i, of int) float64 {
	if of == 1 {
		return (svgLeft + svgRight) / 2
	}
	return svgLeft + float64(svgRight-svgLeft)*float64(i)/float64(of-1)
}

func svgY(share float64) float64 { return svgLow - float64(svgLow-svgTop)*min(max(share, 0), 1) }
