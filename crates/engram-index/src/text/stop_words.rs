//! Function words that say nothing about what a text is about. Compact on purpose: a word that is missing here only
//! costs a little time, since its BM25 weight is small; a word too many cannot be searched for.

use super::language::Language;

/// The stop words of a language in lower case, separated by white space; accents as written.
pub(super) fn stop_words(language: Language) -> &'static str {
    match language {
        Language::Danish => DANISH,
        Language::Dutch => DUTCH,
        Language::English => ENGLISH,
        Language::French => FRENCH,
        Language::German => GERMAN,
        Language::Italian => ITALIAN,
        Language::Norwegian => NORWEGIAN,
        Language::Portuguese => PORTUGUESE,
        Language::Russian => RUSSIAN,
        Language::Spanish => SPANISH,
        Language::Swedish => SWEDISH,
        Language::None
        | Language::Arabic
        | Language::Finnish
        | Language::Greek
        | Language::Hungarian
        | Language::Romanian
        | Language::Tamil
        | Language::Turkish => "",
    }
}

const ENGLISH: &str = "
    a about after again all also am an and any are as at be because been before being both but by can could did do does
    doing done down during each either else ever few for from further had has have having he her here hers herself him
    himself his how i if in into is it its itself just me more most much my myself no nor not now of off on once only or
    other our ours ourselves out over own same she should so some such than that the their theirs them themselves then
    there these they this those through to too under until up upon us very was we were what when where which while who
    whom whose why will with would you your yours yourself yourselves";

const GERMAN: &str = "
    aber alle allem allen aller alles als also am an andere anderem anderen anderer anderes auch auf aus bei beim bin bis
    bist da damit dann das dass dasselbe dein deine deinem deinen deiner dem den denn der deren des dessen dich die dies
    diese diesem diesen dieser dieses dir doch dort du durch ein eine einem einen einer eines er es etwas euch euer eure
    für gegen habe haben habt hat hatte hatten hattest hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres
    im in indem ins ist ja jede jedem jeden jeder jedes jene jenem jenen jener jenes kann kein keine keinem keinen keiner
    können könnte man manche mein meine meinem meinen meiner mich mir mit muss musste nach nicht nichts noch nun nur ob
    oder ohne s sehr sein seine seinem seinen seiner seit selbst sich sie sind so solche soll sollte sondern sonst um und
    uns unser unsere unter viel vom von vor wann war waren warum was weg weil weiter welche welchem welchen welcher
    welches wem wen wenn wer werde werden werdet weshalb wessen wie wieder will wir wird wirst wo wohin wollen wollte
    wurde wurden während würde würden zu zum zur zwar zwischen über";

const FRENCH: &str = "
    a ai ainsi alors as au aucun aucune aujourd aura auraient aurait aussi autre autres aux avaient avais avait avant avec
    avez aviez avions avoir avons ayant c car ce ceci cela celle celles celui ces cet cette ceux chaque chez ci comme
    comment d dans de depuis des donc dont du elle elles en encore entre es est et étaient étais était étant été êtes être
    eu eux fait faut furent fut hui ici il ils j je jusqu l la là le les leur leurs lors lorsqu lui m ma mais me même mêmes
    mes moi moins mon n ne ni non nos notre nous on ont ou où par parce pas pendant peu peut plus pour pourquoi puis puisqu
    qu quand que quel quelle quelles quels qui quoi quoiqu s sa sans se sera serait ses si soi soit sommes son sont sous
    suis sur t ta te tes toi ton tous tout toute toutes très tu un une vers voici voilà vos votre vous y";

const SPANISH: &str = "
    a al algo alguna algunas alguno algunos ante antes aquel aquella aquello aquí así aún aunque cada como con contra cual
    cuales cuando cuándo cómo de del desde donde dónde dos durante e el él ella ellas ellos en entre era eran eras eres es
    esa esas ese eso esos esta está estaba estaban estado estamos están estar estas este esto estos estoy fue fueron fui
    ha había habían han hasta hay he hemos la las le les lo los más me mi mí mis mientras mucho muchos muy nada ni no nos
    nosotras nosotros nuestra nuestras nuestro nuestros o os otra otras otro otros para pero poco por porque pues que qué
    quien quién quienes se sea ser si sí sido sin sobre sois somos son soy su sus también tan tanto te tenía tiene tienen
    toda todas todo todos tu tú tus un una unas uno unos vosotras vosotros vuestra vuestro y ya yo";

const ITALIAN: &str = "
    a abbia abbiamo ad agli ai al alcuna alcuni alcuno all alla alle allo altra altre altri altro anche ancora avere aveva
    avevano c che chi ci cioè coi col come con contro cosa così cui d da dagli dai dal dall dalla dalle dallo degli dei del
    dell della delle dello dentro di dopo dove e è ed era erano essere fa fino fra fu furono gli ha hai hanno ho i il in io
    l la le lei li lo loro lui m ma me mentre mi mia mie miei mio molto n ne negli nei nel nell nella nelle nello no noi non
    nostra nostre nostri nostro o ogni oppure per perché perchè però più poi prima qual quale quali quando quanta quante
    quanti quanto quella quelle quelli quello quest questa queste questi questo qui quindi s sarà se sei senza si sia siamo
    siete sono sopra sotto stata state stati stato su sua sue sugli sui sul sull sulla sulle sullo suo suoi t ti tra tu tua
    tue tuo tuoi tutta tutte tutti tutto un una uno v vi voi vostra vostre vostri vostro";

const PORTUGUESE: &str = "
    a à ainda algo alguém algum alguma algumas alguns ao aos aquela aquelas aquele aqueles aquilo as às até através cada
    com como contra da das de dela delas dele deles desde dessa desse desta deste do dos e é ela elas ele eles em entre era
    eram essa essas esse esses esta está estão estar estas estava estavam este estes estou eu foi foram for fosse há isso
    isto já la lhe lhes lo mais mas me mesmo meu meus mim minha minhas muito muitos na não nas nem nessa nesse nesta neste
    no nos nós nossa nossas nosso nossos num numa o os ou outra outras outro outros para pela pelas pelo pelos per por
    porque porquê pois qual quais quando quanto que quê quem se seja sem ser será seu seus si sido só sob sobre sou sua suas
    também tão te tem têm tenho ter teu teus ti tinha tinham toda todas todo todos tu tua tuas tudo um uma umas uns você
    vocês vos";

const DUTCH: &str = "
    aan al alle als altijd andere ben bent bij daar dan dat de der deze die dit doch doen door dus een eens en er ge geen
    haar had hadden heb hebben hebt heeft hem hen het hier hij hoe hun iemand iets ik in is ja je jij jou jouw jullie kan
    kon konden kunnen maar me meer men met mij mijn moet moeten n na naar niet niets nog nu of om omdat onder ons onze ook
    op over s reeds sinds t te tegen toch toen tot u uit uw van veel voor waar waarom wanneer want waren was wat we wel
    welk welke werd werden wie wij wil worden wordt zal ze zei zelf zich zij zijn zo zonder zou zouden";

const RUSSIAN: &str = "
    а без более бы был была были было быть в вам вами вас весь во вот все всё всего всей всем всех вы где да даже для до
    его её ей ему если есть ещё же за здесь и из или им ими их к как какая какой когда кого кому которая которого которое
    которой которые который кто ли лишь между меня мне много мной мною мог могут может можно мой моя мы на над надо нам нами
    нас наш наша наши не него неё ней нет ни ним них но ну о об один однако он она они оно от очень по под после потом
    потому при про раз с сам сама сами само свой своя себе себя со так такая также такие такой там тебе тебя тем теперь то
    тобой тогда того тоже той только том тот ту ты у уже хотя чего чей чем что чтобы эта эти это этого этой этом этот эту
    я";

const DANISH: &str = "
    af alle andre at begge blev blive bliver da de dem den denne der deres det dette dig din dine disse dit du efter eller
    en end er et for fra få ham han hans har havde have hende hendes her hos hun hvad hvem hver hvis hvor hvordan hvorfor i
    ikke ind ingen intet jeg jer jo kan kunne man mange med meget men mig min mine mit mod må ned noget nogle nu når og også
    om op os over på sig sin sine sit skal skulle som sådan thi til ud under var ved vi vil ville vor være været";

const NORWEGIAN: &str = "
    alle at av begge ble bli blir både da de deg dei deira dem den denne der dere deres det dette di din dine disse ditt du
    eg ein eit eller en enn er et etter for fordi fra før ha hadde han hans har hennes her hos hun hva hvem hver hvilken
    hvis hvor hvordan hvorfor i ikke ikkje ingen inn jeg kan korleis kunne man mange med meg mellom men min mine mitt mot
    mye må nei noe noen nå når og også om opp oss over på seg selv si sin sine sitt skal skulle slik som så til under ut var
    ved vi vil ville vår være vært å";

const SWEDISH: &str = "
    alla allt att av blev bli blir blivit de dem den denna deras dess dessa det detta dig din dina ditt du där då efter ej
    eller en er era ert ett från för ha hade han hans har henne hennes hon honom hur här i icke ingen inom inte jag ju kan
    kunde man med mellan men mig min mina mitt mot mycket ni nu när någon något några och om oss på samma sedan sig sin sina
    sitt ska skulle som så sådan till under upp ut utan vad var vara varför varit varje vars vart vem vi vid vilka vilken
    vilket vill vår våra vårt än är åt över";
