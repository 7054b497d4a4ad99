package apitest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
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
// internal and examples, and those in their folders.
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
		for _, file := range sources(t, filepath.Join(root, e.Name())) {
			funcs, kinds := exported(t, file)
			pkg := filepath.Base(filepath.Dir(file))
			for _, name := range funcs {
				name = pkg + "." + name
				if found[name] = true; functions[name] == nil {
					lines = append(lines, fmt.Sprintf("functions: %q: %s,", name, name))
				}
			}
			for _, name := range kinds {
				name = pkg + "." + name
				if found[name] = true; types[name] == nil {
					lines = append(lines, fmt.Sprintf("types: %q: reflect.TypeFor[%s](),", name, name))
				}
			}
		}
	}
	assert.Empty(t, lines, "lines that registry_test.go and types_test.go lack")
	for _, name := range slices.Concat(slices.Collect(maps.Keys(functions)), slices.Collect(maps.Keys(types))) {
		assert.True(t, found[name], "%s is registered and not exported", name)
	}
}

// sources are the Go files of a package and of the packages in its folders.
func sources(t *testing.T, dir string) (files []string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "internal" || e.Name() == "testdata"):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
			files = append(files, path)
		}
		return nil
	}))
	return files
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
