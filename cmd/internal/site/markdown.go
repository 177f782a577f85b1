package main

import (
	"bytes"
	"errors"
	"html/template"
	"net/url"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// pagePath is the page that a Markdown file becomes.
func pagePath(name string) string {
	folder, file := path.Split(name)
	if file == "README.md" {
		return folder + "index.html"
	}
	return folder + strings.ToLower(strings.TrimSuffix(file, ".md")) + ".html"
}

// render makes HTML of a Markdown file, with links to other ones turned into links to their pages. It returns the title, and the images
// that the file shows. HTML in the source is dropped.
func render(source []byte) (title string, body template.HTML, images []string, err error) {
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	document := markdown.Parser().Parse(text.NewReader(source))
	err = ast.Walk(document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch node := node.(type) {
		case *ast.Heading:
			if node.Level == 1 && title == "" {
				title = plain(node, source)
			}
		case *ast.Link:
			node.Destination = []byte(pageLink(string(node.Destination)))
		case *ast.Image:
			images = append(images, string(node.Destination))
		}
		return ast.WalkContinue, nil
	})
	if err == nil && title == "" {
		err = errors.New("has no title")
	}
	var out bytes.Buffer
	if err == nil {
		err = markdown.Renderer().Render(&out, source, document)
	}
	html := strings.ReplaceAll(out.String(), "<table>", `<div class="wide" tabindex="0"><table>`)
	html = strings.ReplaceAll(html, "</table>", "</table></div>")
	html = strings.ReplaceAll(html, "<pre>", `<pre tabindex="0">`)
	return title, template.HTML(html), images, err // goldmark escapes
}

// plain is the text of a node without its markup.
func plain(node ast.Node, source []byte) string {
	var words strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		if leaf, is := child.(*ast.Text); is {
			words.Write(leaf.Segment.Value(source))
		} else {
			words.WriteString(plain(child, source))
		}
	}
	return words.String()
}

// pageLink turns a link to a Markdown file, or to a folder, into one to its page.
func pageLink(link string) string {
	target, err := url.Parse(link)
	if err != nil || target.IsAbs() || target.Path == "" {
		return link
	}
	switch {
	case strings.HasSuffix(target.Path, ".md"):
		target.Path = pagePath(target.Path)
	case strings.HasSuffix(target.Path, "/"):
		target.Path += "index.html"
	}
	return target.String()
}
