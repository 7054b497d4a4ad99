package apitest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The registry has all that the public packages export: those in the folders beside
// internal and examples.
func TestComplete(t *testing.T) {
	root := filepath.Join("..", "..")
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	var lines []string
	found := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || e.Name() == "internal" || e.Name() == "examples" {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, e.Name(), "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			funcs, kinds := exported(t, file)
			for _, name := range funcs {
				name = e.Name() + "." + name
				if found[name] = true; functions[name] == nil {
					lines = append(lines, fmt.Sprintf("functions: %q: %s,", name, name))
				}
			}
			for _, name := range kinds {
				name = e.Name() + "." + name
				if found[name] = true; types[name] == nil {
					lines = append(lines, fmt.Sprintf("types: %q: reflect.TypeFor[%s](),", name, name))
				}
			}
		}
	}
	assert.Empty(t, lines, "lines that registry_test.go lacks")
	for _, name := range slices.Concat(slices.Collect(maps.Keys(functions)), slices.Collect(maps.Keys(types))) {
		assert.True(t, found[name], "%s is registered and not exported", name)
	}
}

// exported returns the exported functions and types of a file.
func exported(t *testing.T, file string) (functions, types []string) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.IsExported() {
				functions = append(functions, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() {
					types = append(types, s.Name.Name)
				}
			}
		}
	}
	return functions, types
}
