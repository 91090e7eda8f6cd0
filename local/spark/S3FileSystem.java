package tui.local;

import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSInputStream;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;
import smfs.shaded.software.amazon.awssdk.awscore.exception.AwsServiceException;
import smfs.shaded.software.amazon.awssdk.core.ResponseBytes;
import smfs.shaded.software.amazon.awssdk.core.exception.SdkException;
import smfs.shaded.software.amazon.awssdk.core.sync.RequestBody;
import smfs.shaded.software.amazon.awssdk.http.apache.ApacheHttpClient;
import smfs.shaded.software.amazon.awssdk.services.s3.S3Client;
import smfs.shaded.software.amazon.awssdk.services.s3.S3ClientBuilder;
import smfs.shaded.software.amazon.awssdk.services.s3.model.CommonPrefix;
import smfs.shaded.software.amazon.awssdk.services.s3.model.GetObjectResponse;
import smfs.shaded.software.amazon.awssdk.services.s3.model.ListObjectsV2Request;
import smfs.shaded.software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import smfs.shaded.software.amazon.awssdk.services.s3.model.S3Object;

/**
 * {@code s3://} for a Spark on one machine, in place of the file system that Glue brings along.
 *
 * <p>Every call is an S3 request under the process's own credentials, so a job that reads or writes
 * what its role may not is refused here too. A directory exists while a key lies below it. What is
 * written below {@code _temporary} stays on the local disk until the output committer renames it:
 * then it is uploaded. As with Glue's own committer, nothing is visible before the commit, and a
 * commit needs neither copies nor deletes in S3.
 *
 * <p>Settings: endpoint, region and credentials from the {@code AWS_*} variables that every SDK
 * reads; {@code fs.s3.spool.dir} names the folder for output that is not yet committed.
 */
public final class S3FileSystem extends FileSystem {
    private static final String TEMPORARY = "_temporary";
    private static final long BLOCK_BYTES = 64L << 20;

    private URI uri;
    private String bucket;
    private Path workingDirectory;
    private File spool;
    private S3Client s3;

    @Override
    public void initialize(URI name, Configuration conf) throws IOException {
        super.initialize(name, conf);
        setConf(conf);
        bucket = name.getAuthority();
        if (bucket == null || bucket.isEmpty()) {
            throw new IOException(name + ": an s3 path names its bucket, as in s3://bucket/key");
        }
        uri = URI.create(name.getScheme() + "://" + bucket);
        workingDirectory = new Path(uri + "/");
        spool = new File(conf.get("fs.s3.spool.dir", System.getProperty("java.io.tmpdir") + "/s3-spool"), bucket);
        S3ClientBuilder builder = S3Client.builder().httpClientBuilder(ApacheHttpClient.builder().maxConnections(64));
        String endpoint = System.getenv("AWS_ENDPOINT_URL");
        if (endpoint != null && !endpoint.isEmpty()) {
            builder = builder.endpointOverride(URI.create(endpoint)).forcePathStyle(true);
        }
        s3 = builder.build();
    }

    @Override
    public String getScheme() {
        return "s3";
    }

    @Override
    public URI getUri() {
        return uri;
    }

    @Override
    public FSDataInputStream open(Path path, int bufferSize) throws IOException {
        FileStatus status = getFileStatus(path);
        if (status.isDirectory()) {
            throw new FileNotFoundException(path + " is a directory");
        }
        if (isSpooled(path)) {
            return FileSystem.getLocal(getConf()).getRaw().open(new Path(spooled(path).toURI()), bufferSize);
        }
        return new FSDataInputStream(new RangedInput(key(path), status.getLen()));
    }

    @Override
    public FSDataOutputStream create(
            Path path,
            FsPermission permission,
            boolean overwrite,
            int bufferSize,
            short replication,
            long blockSize,
            Progressable progress)
            throws IOException {
        if (!overwrite && exists(path)) {
            throw new FileAlreadyExistsException(path + " exists");
        }
        if (isSpooled(path)) {
            File file = spooled(path);
            Files.createDirectories(file.getParentFile().toPath());
            return new FSDataOutputStream(new BufferedOutputStream(new FileOutputStream(file)), statistics);
        }
        return new FSDataOutputStream(new UploadOnClose(key(path)), statistics);
    }

    @Override
    public FSDataOutputStream append(Path path, int bufferSize, Progressable progress) throws IOException {
        throw new UnsupportedOperationException("an S3 object cannot be appended to: " + path);
    }

    @Override
    public boolean rename(Path source, Path target) throws IOException {
        if (isSpooled(source)) {
            File from = spooled(source);
            if (!from.exists()) {
                return false;
            }
            if (isSpooled(target)) {
                File to = spooled(target);
                Files.createDirectories(to.getParentFile().toPath());
                Files.move(from.toPath(), to.toPath(), StandardCopyOption.REPLACE_EXISTING);
            } else {
                upload(from, key(target));
            }
            return true;
        }
        if (isSpooled(target)) {
            throw new IOException("cannot rename " + source + " to the uncommitted " + target);
        }
        return renameObjects(source, target);
    }

    private boolean renameObjects(Path source, Path target) throws IOException {
        FileStatus status;
        try {
            status = getFileStatus(source);
        } catch (FileNotFoundException absent) {
            return false;
        }
        List<String> keys = new ArrayList<>();
        if (status.isFile()) {
            keys.add(key(source));
        } else {
            eachKeyBelow(source, keys::add);
        }
        for (String key : keys) {
            String moved = key(target) + key.substring(key(source).length());
            call(source, () -> s3.copyObject(request -> request.sourceBucket(bucket).sourceKey(key)
                    .destinationBucket(bucket).destinationKey(moved)));
            deleteKey(key);
        }
        return true;
    }

    @Override
    public boolean delete(Path path, boolean recursive) throws IOException {
        boolean deleted = FileUtil.fullyDelete(isSpooled(path) ? spooled(path) : new File(spooled(path), TEMPORARY));
        if (isSpooled(path)) {
            return deleted;
        }
        FileStatus status;
        try {
            status = getFileStatus(path);
        } catch (FileNotFoundException absent) {
            return deleted;
        }
        if (status.isFile()) {
            deleteKey(key(path));
            return true;
        }
        if (!recursive && listStatus(path).length > 0) {
            throw new IOException(path + " is not empty");
        }
        List<String> keys = new ArrayList<>();
        eachKeyBelow(path, keys::add);
        for (String key : keys) {
            deleteKey(key);
        }
        return true;
    }

    @Override
    public FileStatus[] listStatus(Path path) throws IOException {
        if (isSpooled(path)) {
            return spooledChildren(path);
        }
        String key = key(path);
        if (!key.isEmpty()) {
            S3Object object = object(key);
            if (object != null) {
                return new FileStatus[] {fileStatus(object)};
            }
        }
        String prefix = key.isEmpty() ? "" : key + "/";
        List<FileStatus> children = new ArrayList<>();
        eachPage(prefix, "/", page -> {
            for (CommonPrefix below : page.commonPrefixes()) {
                children.add(directoryStatus(pathOf(below.prefix().substring(0, below.prefix().length() - 1))));
            }
            for (S3Object object : page.contents()) {
                if (!object.key().equals(prefix)) {
                    children.add(fileStatus(object));
                }
            }
        });
        if (children.isEmpty() && !key.isEmpty() && !hasUncommittedOutput(path)) {
            throw new FileNotFoundException(path + ": no such file or directory");
        }
        return children.toArray(new FileStatus[0]);
    }

    private FileStatus[] spooledChildren(Path path) throws IOException {
        File file = spooled(path);
        if (!file.exists()) {
            throw new FileNotFoundException(path + ": no such file or directory");
        }
        File[] files = file.isDirectory() ? file.listFiles() : new File[] {file};
        FileStatus[] children = new FileStatus[files == null ? 0 : files.length];
        for (int i = 0; i < children.length; i++) {
            children[i] = localStatus(file.isDirectory() ? new Path(path, files[i].getName()) : path, files[i]);
        }
        return children;
    }

    @Override
    public FileStatus getFileStatus(Path path) throws IOException {
        if (isSpooled(path)) {
            File file = spooled(path);
            if (!file.exists()) {
                throw new FileNotFoundException(path + ": no such file or directory");
            }
            return localStatus(makeQualified(path), file);
        }
        String key = key(path);
        if (key.isEmpty()) {
            return directoryStatus(makeQualified(path));
        }
        S3Object object = object(key);
        if (object != null) {
            return fileStatus(object);
        }
        if (!list(key + "/", null, 1, null).contents().isEmpty() || hasUncommittedOutput(path)) {
            return directoryStatus(makeQualified(path));
        }
        throw new FileNotFoundException(path + ": no such file or directory");
    }

    @Override
    public boolean mkdirs(Path path, FsPermission permission) throws IOException {
        if (isSpooled(path)) {
            Files.createDirectories(spooled(path).toPath());
        }
        return true;
    }

    @Override
    public void setWorkingDirectory(Path path) {
        workingDirectory = path;
    }

    @Override
    public Path getWorkingDirectory() {
        return workingDirectory;
    }

    @Override
    public long getDefaultBlockSize(Path path) {
        return BLOCK_BYTES;
    }

    @Override
    public void close() throws IOException {
        super.close();
        if (s3 != null) {
            s3.close();
        }
    }

    private static boolean isSpooled(Path path) {
        for (String segment : path.toUri().getPath().split("/")) {
            if (segment.equals(TEMPORARY)) {
                return true;
            }
        }
        return false;
    }

    private boolean hasUncommittedOutput(Path path) {
        return new File(spooled(path), TEMPORARY).exists();
    }

    private File spooled(Path path) {
        return new File(spool, key(path));
    }

    private String key(Path path) {
        Path absolute = path.isAbsolute() ? path : new Path(workingDirectory, path);
        String text = absolute.toUri().getPath();
        int start = 0;
        while (start < text.length() && text.charAt(start) == '/') {
            start++;
        }
        return text.substring(start);
    }

    private Path pathOf(String key) {
        return new Path(uri.getScheme(), bucket, "/" + key);
    }

    private FileStatus fileStatus(S3Object object) {
        return new FileStatus(
                object.size(), false, 1, BLOCK_BYTES, object.lastModified().toEpochMilli(), pathOf(object.key()));
    }

    private static FileStatus directoryStatus(Path path) {
        return new FileStatus(0, true, 1, BLOCK_BYTES, 0, path);
    }

    private static FileStatus localStatus(Path path, File file) {
        return new FileStatus(
                file.isDirectory() ? 0 : file.length(), file.isDirectory(), 1, BLOCK_BYTES, file.lastModified(), path);
    }

    /** The object with exactly this key; of all keys that begin with it, it would be the first. */
    private S3Object object(String key) throws IOException {
        List<S3Object> first = list(key, null, 1, null).contents();
        return !first.isEmpty() && first.get(0).key().equals(key) ? first.get(0) : null;
    }

    private ListObjectsV2Response list(String prefix, String delimiter, int most, String token) throws IOException {
        ListObjectsV2Request request = ListObjectsV2Request.builder().bucket(bucket).prefix(prefix)
                .delimiter(delimiter).maxKeys(most).continuationToken(token).build();
        return call(pathOf(prefix), () -> s3.listObjectsV2(request));
    }

    private void eachPage(String prefix, String delimiter, Consumer<ListObjectsV2Response> page) throws IOException {
        String token = null;
        do {
            ListObjectsV2Response answer = list(prefix, delimiter, 1000, token);
            page.accept(answer);
            token = Boolean.TRUE.equals(answer.isTruncated()) ? answer.nextContinuationToken() : null;
        } while (token != null);
    }

    private void eachKeyBelow(Path path, Consumer<String> each) throws IOException {
        eachPage(key(path) + "/", null, page -> page.contents().forEach(object -> each.accept(object.key())));
    }

    private void deleteKey(String key) throws IOException {
        call(pathOf(key), () -> s3.deleteObject(request -> request.bucket(bucket).key(key)));
    }

    private void upload(File from, String key) throws IOException {
        if (from.isDirectory()) {
            File[] children = from.listFiles();
            for (File child : children == null ? new File[0] : children) {
                upload(child, key + "/" + child.getName());
            }
        } else {
            call(pathOf(key), () -> s3.putObject(request -> request.bucket(bucket).key(key), RequestBody.fromFile(from)));
        }
        FileUtil.fullyDelete(from);
    }

    private interface Call<T> {
        T run();
    }

    /** Runs one request; an error names the path and what S3 said of it. */
    private static <T> T call(Path path, Call<T> request) throws IOException {
        try {
            return request.run();
        } catch (AwsServiceException refused) {
            if (refused.statusCode() == 404) {
                throw (IOException) new FileNotFoundException(path + ": " + refused.getMessage()).initCause(refused);
            }
            throw new IOException(path + ": " + refused.getMessage(), refused);
        } catch (SdkException failed) {
            throw new IOException(path + ": " + failed.getMessage(), failed);
        }
    }

    /** Reads an object by ranges that grow while the reader goes on where it stopped. */
    private final class RangedInput extends FSInputStream {
        private static final int FIRST_BYTES = 256 << 10;
        private static final int MOST_BYTES = 8 << 20;

        private final String key;
        private final long length;
        private long position;
        private byte[] chunk = new byte[0];
        private long chunkStart;
        private int ahead = FIRST_BYTES;

        RangedInput(String key, long length) {
            this.key = key;
            this.length = length;
        }

        @Override
        public void seek(long to) throws IOException {
            if (to < 0 || to > length) {
                throw new EOFException("cannot seek to " + to + " in " + pathOf(key) + " of " + length + " bytes");
            }
            position = to;
        }

        @Override
        public long getPos() {
            return position;
        }

        @Override
        public boolean seekToNewSource(long target) {
            return false;
        }

        @Override
        public int available() {
            return (int) Math.min(Integer.MAX_VALUE, length - position);
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int wanted) throws IOException {
            if (wanted == 0) {
                return 0;
            }
            if (position >= length) {
                return -1;
            }
            if (position < chunkStart || position >= chunkStart + chunk.length) {
                fetch(wanted);
            }
            int from = (int) (position - chunkStart);
            int given = Math.min(wanted, chunk.length - from);
            System.arraycopy(chunk, from, target, offset, given);
            position += given;
            statistics.incrementBytesRead(given);
            return given;
        }

        private void fetch(int wanted) throws IOException {
            boolean goesOn = chunk.length > 0 && position == chunkStart + chunk.length;
            ahead = goesOn ? Math.min(MOST_BYTES, ahead * 2) : FIRST_BYTES;
            long end = Math.min(length, position + Math.max(wanted, ahead));
            String range = "bytes=" + position + "-" + (end - 1);
            ResponseBytes<GetObjectResponse> bytes = call(
                    pathOf(key), () -> s3.getObjectAsBytes(request -> request.bucket(bucket).key(key).range(range)));
            chunk = bytes.asByteArrayUnsafe();
            chunkStart = position;
            if (chunk.length != end - position) {
                throw new EOFException(pathOf(key) + " gave " + chunk.length + " bytes for " + range);
            }
        }
    }

    /** Collects what is written on the local disk and puts it as one object when it is closed. */
    private final class UploadOnClose extends FilterOutputStream {
        private final File file;
        private final String key;
        private boolean closed;

        UploadOnClose(String key) throws IOException {
            this(key, File.createTempFile("s3-", ".part"));
        }

        private UploadOnClose(String key, File file) throws IOException {
            super(new BufferedOutputStream(new FileOutputStream(file)));
            this.key = key;
            this.file = file;
        }

        @Override
        public void write(byte[] bytes, int offset, int count) throws IOException {
            out.write(bytes, offset, count);
        }

        @Override
        public void close() throws IOException {
            if (closed) {
                return;
            }
            closed = true;
            super.close();
            upload(file, key);
        }
    }
}
