//! The one place where asynchronous work is started. Everything above it blocks.
//!
//! Must never be entered from asynchronous code: it would wait for itself.

use std::future::Future;
use std::io;

/// Threads that drive connections. When the last owner drops it, what still runs is abandoned
/// rather than waited for: a name server that does not answer must not hold up an exit.
#[derive(Debug)]
pub(crate) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// Starts `threads` threads.
    pub(crate) fn start(threads: usize) -> io::Result<Self> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("mailvc-ssh")
            .enable_all()
            .build()
            .map(|runtime| Self(Some(runtime)))
    }

    /// Runs `work` on the calling thread while the runtime's own threads serve its connections.
    /// `None` once the runtime is being torn down.
    pub(crate) fn block_on<F: Future>(&self, work: F) -> Option<F::Output> {
        self.0.as_ref().map(|runtime| runtime.block_on(work))
    }

    /// Starts `work` on the runtime's own threads. `None` once it is being torn down.
    pub(crate) fn spawn<F>(&self, work: F) -> Option<tokio::task::JoinHandle<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.as_ref().map(|runtime| runtime.spawn(work))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
