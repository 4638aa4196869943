// What Groovy's own lexer takes for texts and names, in the form of groovy_tokens.c. Bytes are read as Latin-1, so that columns count bytes.
import org.codehaus.groovy.antlr.SourceBuffer
import org.codehaus.groovy.antlr.UnicodeEscapingReader
import org.codehaus.groovy.antlr.parser.GroovyLexer
import org.codehaus.groovy.antlr.parser.GroovyRecognizer
import org.codehaus.groovy.antlr.parser.GroovyTokenTypes as T

def tokens(String name) {
    def reader = new UnicodeEscapingReader(new InputStreamReader(new FileInputStream(name), 'ISO-8859-1'), new SourceBuffer())
    def lexer = new GroovyLexer(reader)
    reader.setLexer(lexer)
    GroovyRecognizer.make(lexer)
    def stream = lexer.plumb()
    def found = [], open = []
    boolean inName = false, afterStart = false
    for (def t = stream.nextToken(); t.type != T.EOF; t = stream.nextToken()) {
        if (afterStart) inName = t.type != T.LCURLY // "$name.part": no braces, up to the text's next part
        afterStart = false
        switch (t.type) {
        case T.STRING_LITERAL:
            found << ['T', t.line, t.column, t.lineLast, t.columnLast]
            break
        case T.STRING_CTOR_START:
            def text = ['T', t.line, t.column]
            found << text
            open << text
            afterStart = true
            break
        case T.STRING_CTOR_MIDDLE:
            inName = false
            afterStart = true
            break
        case T.STRING_CTOR_END:
            inName = false
            open.pop().addAll([t.lineLast, t.columnLast])
            break
        default:
            if (!inName && t.text ==~ /[A-Za-z\u00c0-\u00ff_$][A-Za-z0-9\u00c0-\u00ff_$]*/) found << ['N', t.line, t.column]
        }
    }
    if (open) throw new Exception('a text has no end')
    found
}

args.each { name ->
    println "== ${name}"
    try {
        tokens(name).each { println it.join(' ') }
    } catch (Exception e) {
        println 'error'
    }
}
