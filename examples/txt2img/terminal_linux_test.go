package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal is the two ends of a pseudo-terminal: what a person has, and what a
// program has.
func terminal(t *testing.T, columns uint16) (person, program *os.File) {
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { person.Close() })
	resize(t, person, columns)
	require.NoError(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	return person, program
}

func resize(t *testing.T, person *os.File, columns uint16) {
	require.NoError(t, unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
}

// screen is what lines show after what was written to them.
func screen(written string) (lines []string) {
	line, column := []rune{}, 0
	for _, r := range written {
		switch r {
		case '\r':
			column = 0
		case '\n':
			lines = append(lines, strings.TrimRight(string(line), " "))
			line, column = nil, 0
		default:
			if column == len(line) {
				line = append(line, ' ')
			}
			line[column] = r
			column++
		}
	}
	return append(lines, strings.TrimRight(string(line), " "))
}

// until reads from a terminal until what was read matches, or the program ends.
func until(t *testing.T, person *os.File, pattern string) string {
	var all strings.Builder
	buffer := make([]byte, 4096)
	for !regexp.MustCompile(pattern).MatchString(all.String()) {
		n, err := person.Read(buffer)
		all.Write(buffer[:n])
		if err != nil { // EIO: the program's end is closed
			break
		}
	}
	return all.String()
}

// The bar fits into terminals of any width, also into one that is made narrower, and
// an interrupt leaves one clean line.
func TestTerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, columns := range []uint16{200, 40, 20, 5, 1} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			person, program := terminal(t, columns)
			c := process(t, "-steps", "900", "-width", "64", "-height", "64", "a red house")
			c.Env = append(c.Env, "TERM=xterm", "NO_COLOR=1")
			c.Stdin, c.Stdout, c.Stderr = program, program, program
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			require.NoError(t, c.Start())
			require.NoError(t, program.Close())
			until(t, person, "\r[^\r]*\r")
			narrow := max(1, columns/2)
			resize(t, person, narrow)
			until(t, person, "\r[^\r]*\r[^\r]*\r") // those that were drawn before
			bars := until(t, person, "\r[^\r]*\r[^\r]*\r")
			for line := range strings.SplitSeq(strings.Trim(bars, "\r"), "\r") {
				assert.Less(t, len(line), int(narrow), line)
				assert.NotContains(t, line, "\n")
			}
			if columns == 40 {
				resize(t, person, columns)
				until(t, person, `\r\[[#.]+\] [0-9]+/[0-9]+, [0-9:]+ left`)
			}
			_, err := person.WriteString("\x03") // Ctrl-C
			require.NoError(t, err)
			rest := until(t, person, "interrupted\r\n")
			assert.Equal(t, 130, status(c))
			if columns >= 20 { // the ^C that the terminal adds has room
				assert.Contains(t, rest, "^C")
				assert.Equal(t, []string{"txt2img: interrupted", ""}, screen(rest))
			}
		})
	}
}

// A terminal that knows nothing of cursors gets lines.
func TestDumbTerminal(t *testing.T) {
	t.Chdir(t.TempDir())
	person, program := terminal(t, 80)
	c := process(t, tiny...)
	c.Env = append(c.Env, "TERM=dumb")
	c.Stderr = program
	require.NoError(t, c.Start())
	require.NoError(t, program.Close())
	written := until(t, person, "decode .*\n")
	assert.Equal(t, 0, status(c))
	assert.Regexp(t, "^step 1/[23]\r\nstep 2/", written) // the terminal adds \r
	assert.NotContains(t, strings.ReplaceAll(written, "\r\n", ""), "\r")
}
