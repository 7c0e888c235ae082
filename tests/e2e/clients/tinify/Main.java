// The official client: one of everything, the results into the folder that the test looks at. Arguments: the folders
// of the pictures and of the results, the key.
import com.tinify.AccountException;
import com.tinify.ClientException;
import com.tinify.Options;
import com.tinify.Result;
import com.tinify.Source;
import com.tinify.Tinify;
import java.nio.file.Files;
import java.nio.file.Path;

public class Main {
    /** The status of an error, which its message alone tells: "... (HTTP 415/UnsupportedMediaType)". */
    static int status(Exception error) {
        return Integer.parseInt(error.getMessage().replaceFirst("(?s).*\\(HTTP (\\d+)/.*", "$1"));
    }

    public static void main(String[] args) throws Exception {
        String in = args[0], out = args[1];
        Tinify.setKey(args[2]);
        Tinify.validate();
        Source source = Tinify.fromFile(in + "/a.jpg");
        source.toFile(out + "/a.jpg");
        source.resize(new Options().with("method", "fit").with("width", 60).with("height", 60)).toFile(out + "/fit.jpg");
        source.convert(new Options().with("type", new String[] {"image/webp"})).toFile(out + "/converted.webp");
        source.preserve("copyright").toFile(out + "/kept.jpg");
        Tinify.fromBuffer(Files.readAllBytes(Path.of(in, "b.png"))).toFile(out + "/b.png");
        Result result = source.result();
        int count = Tinify.compressionCount(), noPicture = 0, wrongKey = 0;
        try {
            Tinify.fromBuffer("no picture".getBytes());
        } catch (ClientException error) {
            noPicture = status(error);
        }
        Tinify.setKey("lp_wrong");
        try {
            Tinify.validate();
        } catch (AccountException error) {
            wrongKey = status(error);
        }
        System.out.printf(
            "{\"width\": %d, \"height\": %d, \"size\": %d, \"type\": \"%s\", \"count\": %d, \"no picture\": %d, \"wrong key\": %d}",
            result.width(), result.height(), result.size(), result.mediaType(), count, noPicture, wrongKey);
        System.exit(0); // its connections hold the machine for a minute
    }
}
